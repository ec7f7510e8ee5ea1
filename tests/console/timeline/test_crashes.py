"""What is left of a crash is kept once, sealed all the way, bounded, and read by who may read the log."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.containers.observations import containers_seen
from console.hosts.signing_key import host_key
from console.jobs.agent.incidents import PER_CONTAINER
from console.jobs.agent.keeping import capsule_about
from console.jobs.signing import seal_told
from console.notifications.models import Event
from console.operations.errors import Missing
from console.operations.permissions import Role
from console.timeline import files, retention
from console.timeline.models import Capsule
from console.timeline.observations import incident_told
from tests.console.timeline.conftest import fact
from tests.factories.console import (
    digits,
    make_container,
    make_custom_role,
    make_grant,
    make_user,
    sign_in_browser,
)
from tests.factories.engine import HOSTILE
from tests.factories.timeline import LAST_WORDS, contents, make_capsule

A = digits()
AT_NS = 1_790_000_000 * 10**9


def incident(
    settings: Any, *, at_ns: int = AT_NS, engine_id: str = A, host: str = "local", **facts: Any
) -> dict[str, Any]:
    about = capsule_about(host, engine_id, at_ns)
    sealed = seal_told(json.dumps(contents()).encode(), host_key(settings.SECRET_KEY, host), about=about)
    given = {"what": "exit", "engine_id": engine_id, "name": "web-1", "at_ns": at_ns, "exit_code": 3, "sealed": sealed}
    return {**given, **facts}


def test_it_is_kept_once_in_a_file_that_tells_nothing(settings: Any) -> None:
    row = make_container("web-1", engine_id=A)
    told = incident(settings)
    assert LAST_WORDS not in str(told)
    incident_told("local", told)
    incident_told("local", told)
    capsule = Capsule.objects.get()
    assert (capsule.container, capsule.exit_code, capsule.line_count, capsule.more) == (row, 3, 1, 0)
    path = files.path_of(capsule.number)
    assert LAST_WORDS.encode() not in path.read_bytes()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert files.read(capsule.number)["lines"][0][2] == LAST_WORDS


def test_a_file_in_another_s_place_does_not_open(settings: Any) -> None:
    row = make_container("web-1")
    first, second = make_capsule(row), make_capsule(row)
    files.path_of(first.number).rename(files.path_of(second.number))
    for capsule in (first, second):
        with pytest.raises(Missing):
            files.read(capsule.number)


@pytest.mark.parametrize("change", [{"at_ns": AT_NS + 1}, {"engine_id": digits()}, {"sealed": "bm90IHNlYWxlZA=="}])
def test_what_the_host_s_agent_did_not_seal_is_not_believed(settings: Any, change: dict[str, Any]) -> None:
    told = incident(settings)
    for forged in ({**told, **change}, incident(settings, host="b2")):
        incident_told("local", forged)
    assert not Capsule.objects.exists()


def test_a_storm_is_counted(settings: Any) -> None:
    for second in range(PER_CONTAINER + 3):
        incident_told("local", incident(settings, at_ns=AT_NS + second * 10**9))
    incident_told("local", incident(settings, at_ns=AT_NS + 60 * 10**9, sealed=""))
    assert Capsule.objects.count() == PER_CONTAINER
    assert Capsule.objects.latest("at").more == 4
    incident_told("local", incident(settings, at_ns=AT_NS + 3700 * 10**9))
    assert Capsule.objects.count() == PER_CONTAINER + 1


def test_one_that_comes_before_its_container_is_known_becomes_its(settings: Any) -> None:
    incident_told("local", incident(settings))
    containers_seen("local", {"containers": [fact(A)]})
    assert Capsule.objects.get().container is not None


def test_it_is_read_by_who_may_read_the_log() -> None:
    container = make_container("web-1", image=HOSTILE)
    capsule = make_capsule(container)
    looker = make_user(None)
    make_grant(looker, make_custom_role("looker", "container.view"))
    address = reverse("timeline:crash", args=["local", "web-1", capsule.number])
    for user, status in ((make_user(Role.VIEWER), 200), (looker, 403)):
        answer = sign_in_browser(Client(), user).get(address)
        assert answer.status_code == status
        assert (LAST_WORDS in answer.content.decode()) == (status == 200)
        assert HOSTILE not in answer.content.decode()
        history = sign_in_browser(Client(), user).get("/containers/local/web-1/history/").content.decode()
        assert "What went wrong" in history
        assert (address in history) == (status == 200)
    other = make_capsule(make_container("db-1"))
    foreign = reverse("timeline:crash", args=["local", "web-1", other.number])
    assert sign_in_browser(Client(), make_user(Role.ADMIN)).get(foreign).status_code == 404


def test_a_lost_file_is_said_and_no_fault() -> None:
    capsule = make_capsule(make_container("web-1"))
    files.path_of(capsule.number).unlink()
    address = reverse("timeline:crash", args=["local", "web-1", capsule.number])
    assert sign_in_browser(Client(), make_user(Role.ADMIN)).get(address).status_code == 404


def test_the_notification_leads_to_what_was_kept() -> None:
    containers_seen("local", {"containers": [fact(A)]})
    make = fact(A, state="exited", exit_code=3, finished_at="2026-09-21T15:00:00+00:00")
    row = make_container("web-2", engine_id=digits())
    containers_seen("local", {"containers": [{**make, "engine_id": row.engine_id, "name": "web-2"}]})
    event = Event.objects.get(kind="container.crashed")
    assert event.link == f"/containers/local/{row.short_id}/history/"


def test_old_ones_go_with_their_files(settings: Any) -> None:
    settings.NARU_CRASH_DAYS = 30
    container, now = make_container("web-1"), timezone.now()
    old, new = make_capsule(container, at=now - timedelta(days=31)), make_capsule(container, at=now)
    retention.tidy()
    assert [path.name for path in files.path_of(0).parent.iterdir()] == [f"{new.number}.capsule"]
    assert Capsule.objects.get() == new
    assert old.number != new.number
