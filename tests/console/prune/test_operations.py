"""Making room is for who holds it over the host, with a proof; what is held comes back, or goes in its time."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.audit.models import AuditEntry
from console.hosts.models import Host
from console.jobs.models import Job
from console.jobs.operations import retry_job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid, Missing, Unconfirmed
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.prune import observations
from console.prune.forms import PruneForm
from console.prune.models import Quarantined
from console.prune.operations import prune_host, remove_due, remove_held, restore_image
from tests.factories.console import actor_of, make_grant, make_host, make_user, make_workspace
from tests.factories.hub import make_quarantined
from tests.fakes.broker import Broker

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def anything_sent(broker: Broker) -> Broker:
    return broker


def prune(actor: Actor, *items: str, **given: Any) -> Job:
    return prune_host(actor, "local", items=items, **{"older_than_days": 30, **given})


def test_pruning_is_a_job_of_the_host_and_on_record(admin: Actor) -> None:
    job = prune(admin, "unused:abc", "volume:data", "unused:abc")
    assert (job.kind, job.workspace, job.args["items"]) == ("host.prune", None, ["unused:abc", "volume:data"])
    assert AuditEntry.objects.get(action="host.prune").details["items"] == 3
    with pytest.raises(Conflict):
        prune(admin, "unused:abc")


@pytest.mark.parametrize(
    ("items", "given", "field"),
    [
        ([], {}, "items"),
        (["everything"], {}, "items"),
        (["images:abc"], {}, "items"),
        (["unused:"], {}, "items"),
        (["unused:a\nb"], {}, "items"),
        (["unused:a"], {"older_than_days": -1}, "older_than_days"),
        (["unused:a"], {"held_days": 0}, "held_days"),
        (["unused:a"], {"held_days": 1000}, "held_days"),
    ],
)
def test_what_is_wrong_is_named(admin: Actor, items: list[str], given: dict[str, int], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        prune(admin, *items, **given)
    assert caught.value.field == field


def test_a_proof_is_asked_for(db: None) -> None:
    make_host("local")
    with pytest.raises(Unconfirmed):
        prune(Actor.of_user(make_user(Role.ADMIN)), "unused:a")


def test_a_host_is_not_a_workspace_s_to_clear(admin: Actor) -> None:
    user = make_user(None)
    make_grant(user, Role.ADMIN, workspace=make_workspace("shop"))
    with pytest.raises(Missing):
        prune(actor_of(user), "unused:a")
    keeper = make_user(None)
    make_grant(keeper, Role.ADMIN, host=Host.objects.get(name="local"))
    assert prune(actor_of(keeper), "unused:a").kind == "host.prune"


def test_it_is_not_done_again_as_it_was(admin: Actor) -> None:
    job = prune(admin, "unused:a")
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(state="failed")
    with pytest.raises(Conflict, match="anew"):
        retry_job(admin, job.pk)


def test_what_a_host_holds_is_written_down_once(admin: Actor) -> None:
    one = {"engine_id": "a" * 64, "references": ["web:1"], "size_bytes": 5, "days": 7}
    fact = {"job": 4, "images": [one]}
    observations.images_quarantined("local", fact)
    # said again by an attempt that found its names gone
    observations.images_quarantined("local", {"job": 4, "images": [{**one, "references": []}]})
    held = Quarantined.objects.get()
    assert (held.references, held.job) == (["web:1"], 4)
    assert timedelta(days=6, hours=23) < held.until - timezone.now() <= timedelta(days=7)
    observations.images_left("local", {"engine_ids": ["a" * 64]})
    assert not Quarantined.objects.exists()


def test_one_that_went_by_other_means_is_held_no_more(admin: Actor) -> None:
    held, other = make_quarantined("a:1"), make_quarantined("b:1")
    observations.images_there("local", {"images": [{"engine_id": held.engine_id}]})
    assert list(Quarantined.objects.all()) == [held]
    assert other.pk is not None


def test_an_image_is_put_back_with_its_names(admin: Actor) -> None:
    held = make_quarantined("a:1", "a:2")
    job = restore_image(admin, "local", held.short_id)
    assert (job.kind, job.args["references"]) == ("quarantine.restore", ["a:1", "a:2"])
    with pytest.raises(Conflict):
        remove_held(admin, "local", held.short_id)
    with pytest.raises(Missing):
        restore_image(admin, "local", "0" * 12)


def test_those_whose_time_is_over_are_asked_for_once_a_day(admin: Actor) -> None:
    now = timezone.now()
    due = make_quarantined("a:1", until=now - timedelta(hours=1))
    make_quarantined("b:1", until=now + timedelta(hours=1))
    assert (remove_due(now), remove_due(now)) == (1, 0)
    (job,) = Job.objects.all()
    assert (job.kind, job.on_id, job.actor_name) == ("quarantine.remove", str(due.pk), "quarantine")
    with writes_allowed("test"):
        Job.objects.update(state="failed")
    assert (remove_due(now), remove_due(now + timedelta(days=1))) == (0, 2)


def test_a_browser_s_line_breaks_are_no_part_of_a_name() -> None:
    form = PruneForm({"items": "unused:a\r\nvolume:b\r\n", "kinds": ["unused", "volume"], "held_days": "7"})
    assert form.is_valid()
    assert form.wanted == ["unused:a", "volume:b"]
