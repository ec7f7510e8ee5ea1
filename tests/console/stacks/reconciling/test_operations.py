"""What a host tells of a stack leads to a job that replaces what is not well, as the stack's policy says."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.audit.models import AuditEntry
from console.jobs.models import Job, JobRules
from console.jobs.retention import due
from console.notifications.models import Event
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.stacks.models import Release, Restoration
from console.stacks.parcels import put_together
from console.stacks.reconciling.noticing import Hold, situation_of
from console.stacks.reconciling.operations import forget_old, restore_due, restore_now, set_restores
from tests.console.stacks.conftest import make_release, make_stack, succeed
from tests.console.stacks.reconciling.conftest import IMAGES, Shop, places
from tests.factories.console import actor_of, make_grant, make_host, make_job, make_user, make_workspace

pytestmark = pytest.mark.django_db


def finish(job: Job, **facts: Any) -> None:
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(**{"state": "succeeded", **facts})


def test_a_release_that_has_the_number_of_another_is_not_taken_for_it(shop):
    """As when a database was put back."""
    shop.end("web-2")
    assert situation_of(shop.stack, now=timezone.now()).found.troubles
    other = Release.objects.get()
    document = {**other.document, "services": {"else": other.document["services"]["db"]}}
    with writes_allowed("test"):
        Release.objects.filter(pk=other.pk).update(document=document, created_at=timezone.now())
    assert [one.service for one in situation_of(shop.stack, now=timezone.now()).found.troubles] == ["else"]


def test_while_all_is_well_nothing_is_asked_for(shop):
    assert restore_due("local") == []
    assert not Restoration.objects.exists()


def test_one_that_has_died_is_replaced_as_its_release_says(shop):
    row = shop.end("web-2")
    (job,) = restore_due("local")
    assert (job.kind, job.on_kind, job.on_id) == ("stack.restore", "stack", str(shop.stack.pk))
    assert job.args["unwell"] == [
        {"service": "web", "number": 2, "engine_id": row.engine_id, "why": "dead", "exit_code": 137}
    ]
    assert (job.args["release"], job.args["images"]) == (1, IMAGES)
    assert put_together(job.args)[0] == Release.objects.get().project
    kept = Restoration.objects.get()
    assert (kept.service, kept.number, kept.why, kept.job, kept.by_name) == ("web", 2, "dead", job, "")
    entry = AuditEntry.objects.latest("seq")
    assert (entry.actor_name, entry.target_name, entry.details["job"]) == ("reconciler", "shop", job.pk)


def test_while_its_job_is_at_work_it_is_asked_for_once(shop):
    shop.end("web-2")
    (job,) = restore_due("local")
    shop.end("web-3")
    assert restore_due("local") == []
    assert situation_of(shop.stack, now=timezone.now()).hold is Hold.BUSY
    finish(job)
    # the one before has been tried already, and waits
    assert places(restore_due("local")) == [("web", 3, "dead")]


@pytest.mark.parametrize("told", ["stopped", "killed"])
def test_what_somebody_has_stopped_stays_so(shop, told):
    shop.end("web-2", told=told)
    assert restore_due("local") == []
    assert [one.number for one in situation_of(shop.stack, now=timezone.now()).found.stopped] == [2]


def test_an_earlier_stop_is_not_the_wish_of_today(shop):
    """It was stopped, and started again; then it died by itself."""
    row = shop.rows["web-2"]
    shop.tell(row, "stopped", timezone.now() - timedelta(minutes=9))
    shop.end("web-2")
    assert places(restore_due("local")) == [("web", 2, "dead")]


def test_an_end_of_which_the_host_told_nothing_is_believed_after_a_minute(shop):
    shop.end("web-2", told="")
    assert restore_due("local") == []
    assert places(restore_due("local", now=timezone.now() + timedelta(seconds=29))) == []
    shop.change("web-2", finished_at=timezone.now() - timedelta(seconds=61))
    assert places(restore_due("local")) == [("web", 2, "dead")]


def test_unhealthy_and_missing_ones_are_replaced_too(shop):
    shop.change("db-1", health="unhealthy")
    shop.change("web-3", gone_at=timezone.now())
    assert places(restore_due("local")) == [("db", 1, "unhealthy"), ("web", 3, "missing")]


def test_one_that_has_drifted_is_replaced_only_where_that_is_asked_for(shop, admin):
    labels = {**shop.rows["db-1"].labels, "com.docker.compose.config-hash": "another"}
    shop.change("db-1", labels=labels)
    shop.change("web-1", image_engine_id="9" * 64)
    assert restore_due("local") == []
    set_restores(admin, shop.stack.pk, restores=["drifted"])
    assert places(restore_due("local")) == [("db", 1, "drifted"), ("web", 1, "drifted")]


def test_nothing_is_replaced_where_nothing_is_to_be(shop, admin):
    set_restores(admin, shop.stack.pk, restores=[])
    shop.end("web-2")
    assert restore_due("local") == []
    assert [one.why for one in situation_of(shop.stack, now=timezone.now()).found.troubles] == ["dead"]


def test_the_same_place_waits_longer_each_time(shop):
    now = timezone.now()
    shop.end("web-2")
    for after_s, is_due in ((0, True), (9, False), (11, True), (21, False), (32, True)):
        jobs = restore_due("local", now=now + timedelta(seconds=after_s))
        assert bool(jobs) is is_due, after_s
        for job in jobs:
            finish(job)
            with writes_allowed("test"):
                Restoration.objects.filter(job=job).update(at=now + timedelta(seconds=after_s))


def test_a_stack_whose_last_release_is_in_doubt_is_left_alone(shop):
    """It failed half way, and nobody has decided yet which of the two is wanted."""
    shop.end("web-2")
    failed = make_job("stack.deploy", state="failed", on_kind="stack", on_id=str(shop.stack.pk))
    second = make_release(shop.stack, 2, job=failed)
    assert restore_due("local") == []
    assert situation_of(shop.stack, now=timezone.now()).hold is Hold.UNDECIDED
    finish(failed, state="failed", result={"back_to": 1})
    (job,) = restore_due("local")
    assert (job.args["release"], second.number) == (1, 2)


@pytest.mark.parametrize(
    ("facts", "hold"),
    [({"state": "unreachable"}, Hold.HOST), ({"last_seen_at": timezone.now() - timedelta(hours=1)}, Hold.HOST)],
)
def test_of_a_host_that_is_silent_nothing_is_known(shop, facts, hold):
    shop.end("web-2")
    with writes_allowed("test"):
        type(shop.stack.host).objects.update(**facts)
    assert restore_due("local") == []
    shop.stack.refresh_from_db()
    assert situation_of(shop.stack, now=timezone.now()).hold is hold


def test_containers_of_another_workspace_are_not_the_stacks(shop):
    """Labels are only words."""
    depot = make_workspace("depot")
    shop.change("web-2", gone_at=timezone.now())
    shop.run("web", 2, workspace=depot, state="exited", exit_code=1)
    assert places(restore_due("local")) == [("web", 2, "missing")]


def test_when_half_a_host_fails_at_once_the_rest_waits_for_people(shop):
    other = Shop(make_stack("big", files={"compose.yaml": "services: {web: {image: web, deploy: {replicas: 30}}}"}))
    job = make_job("stack.deploy", result={}, on_kind="stack", on_id=str(other.stack.pk))
    make_release(other.stack, job=job)
    for number in range(1, 31):
        other.run("web", number)
        other.end(f"web-{number}")
    jobs = restore_due("local")
    assert len(places(jobs)) == 17  # half of 35
    event = Event.objects.get(kind="stacks.held")
    assert (event.name, event.details) == ("local", {"count": 13, "stacks": "big"})
    assert event.sentence if hasattr(event, "sentence") else True
    finish(jobs[0])
    restore_due("local")
    assert Event.objects.filter(kind="stacks.held").count() == 1


def test_what_the_rules_refuse_is_not_made_and_is_tried_seldom(shop):
    shop.end("web-2")
    with writes_allowed("test"):
        owner = shop.stack.workspace
        owner.rules_json = {**owner.rules_json, "hosts": ["elsewhere"]}
        owner.save()
    before = AuditEntry.objects.filter(outcome="refused").count()
    assert restore_due("local") == []
    assert restore_due("local") == []
    kept = Restoration.objects.get()
    assert kept.job is None
    assert kept.error
    assert AuditEntry.objects.filter(outcome="refused").count() == before + 1


def test_a_person_may_have_all_of_it_restored_at_once(shop, admin):
    shop.end("web-2", told="stopped")
    shop.change("db-1", health="unhealthy")
    job = restore_now(admin, shop.stack.pk)
    assert places([job]) == [("db", 1, "unhealthy"), ("web", 2, "dead")]
    assert set(Restoration.objects.values_list("by_name", flat=True)) == {admin.name}
    finish(job)
    assert places([restore_now(admin, shop.stack.pk, services=["web"])]) == [("web", 2, "dead")]


def test_where_nothing_is_wrong_nothing_is_restored(shop, admin):
    with pytest.raises(Conflict, match="as it should be"):
        restore_now(admin, shop.stack.pk)
    other = make_stack("new")
    with pytest.raises(Conflict, match="not deployed"):
        restore_now(admin, other.pk)


def test_what_is_restored_is_for_those_who_deploy_to_say(shop):
    operator = make_user(None)
    make_grant(operator, Role.OPERATOR)
    for change in (
        lambda: set_restores(actor_of(operator), shop.stack.pk, restores=[]),
        lambda: restore_now(actor_of(operator), shop.stack.pk),
    ):
        with pytest.raises(Denied):
            change()


def test_only_what_can_be_found_can_be_asked_for(shop, admin):
    with pytest.raises(Invalid, match="ugly"):
        set_restores(admin, shop.stack.pk, restores=["dead", "ugly"])


def test_however_many_stacks_a_host_has_it_is_looked_at_in_as_many_queries(shop, django_assert_max_num_queries):
    restore_due("local")
    for number in range(20):
        more = make_stack(f"more-{number}")
        succeed(job := make_job("stack.deploy", on_kind="stack", on_id=str(more.pk)))
        make_release(more, job=job)
    restore_due("local")
    with django_assert_max_num_queries(9):
        assert restore_due("local") == []


def test_other_hosts_are_not_looked_at(shop):
    make_host("far")
    shop.end("web-2")
    assert restore_due("far") == []
    assert restore_due("nowhere") == []


def test_jobs_of_releases_that_may_be_gone_back_to_stay(shop):
    """What ran is what a job says; without it nobody would know what a stack should be."""
    job = Release.objects.get().job
    with writes_allowed("test"):
        Job.objects.update(finished_at=timezone.now() - timedelta(days=999), output_sealed_at=timezone.now())
    other = make_job(finished_at=timezone.now() - timedelta(days=999), output_sealed_at=timezone.now())
    going = due(shop.stack.workspace, JobRules(), now=timezone.now())
    assert other in going
    assert job not in going


def test_old_restorations_are_forgotten(shop):
    shop.end("web-2")
    restore_due("local")
    assert forget_old(timezone.now() - timedelta(days=1)) == 0
    assert forget_old(timezone.now() + timedelta(days=1)) == 1
