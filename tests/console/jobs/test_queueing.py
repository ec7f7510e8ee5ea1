"""Whose turn it is, and how many may run and wait."""

from collections import Counter
from typing import Any

import pytest
import redis
from pytest_django import DjangoCaptureOnCommitCallbacks

from console.hosts.models import Host
from console.images.operations import build_image
from console.jobs import streams, tasks
from console.jobs.dispatching import fill
from console.jobs.ingest import ingest
from console.jobs.models import Job, JobRules
from console.jobs.queueing import words_for
from console.operations.errors import Conflict
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.workspaces.models import Workspace
from tests.console.jobs.conftest import now, queued, say
from tests.factories.console import actor_of, make_host, make_job, make_user, make_workspace
from tests.fakes.broker import Broker

pytestmark = pytest.mark.django_db


def limit(workspace: Workspace, **limits: int) -> None:
    with writes_allowed("test"):
        JobRules.objects.update_or_create(workspace=workspace, defaults=limits)


def take(room: "redis.Redis", most: int) -> None:
    """The agent takes so many."""
    room.set(streams.agent_key("local"), str(most), ex=60)


def at_work() -> "Counter[str]":
    running = Job.objects.filter(state="running", workspace__isnull=False)
    return Counter(running.values_list("workspace__slug", flat=True))


def end(room: "redis.Redis", job: Job) -> None:
    say(room, "attempt.ended", job=job.pk, attempt=job.attempt, state="succeeded")
    ingest("local")


def test_no_more_jobs_of_a_workspace_run_than_may(room: "redis.Redis") -> None:
    shop = make_workspace("shop")
    limit(shop, most_running=2)
    jobs = [queued(workspace=shop) for _ in range(4)]
    assert fill(make_host()) == 2
    assert [now(job).state for job in jobs] == ["running", "running", "queued", "queued"]
    for waiting in jobs[2:]:
        assert now(waiting).waits_for == "workspace"
        assert "“shop”" in words_for(now(waiting))


def test_who_waits_for_their_workspace_keeps_nobody_else_waiting(room: "redis.Redis") -> None:
    shop, depot = make_workspace("shop"), make_workspace("depot")
    limit(shop, most_running=1)
    for workspace in (shop, shop, shop, depot, depot):
        queued(workspace=workspace)
    fill(make_host())
    assert at_work() == {"shop": 1, "depot": 2}


def test_room_is_shared_however_many_one_workspace_has_waiting(room: "redis.Redis") -> None:
    take(room, 4)
    shop, depot = make_workspace("shop"), make_workspace("depot")
    for _ in range(20):
        queued(workspace=shop)
    for _ in range(2):
        queued(workspace=depot)
    fill(make_host())
    assert at_work() == {"shop": 2, "depot": 2}


def test_with_room_for_one_workspaces_take_turns(room: "redis.Redis") -> None:
    shop, depot = make_workspace("shop"), make_workspace("depot")
    for workspace in (shop, shop, shop, depot, depot):
        queued(workspace=workspace)
    served = []
    for _ in range(5):
        take(room, 1)
        fill(make_host())
        job = Job.objects.select_related("workspace").get(state="running")
        assert job.workspace
        served.append(job.workspace.slug)
        end(room, job)
    assert served == ["shop", "depot", "shop", "depot", "shop"]


def test_of_one_workspace_the_oldest_goes_first(room: "redis.Redis") -> None:
    take(room, 1)
    first, second = queued(), queued()
    # whichever the message was about
    tasks.dispatch(second.pk)
    assert (now(first).state, now(second).state) == ("running", "queued")


def test_a_job_that_ends_wakes_the_next(
    room: "redis.Redis", broker: Broker, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    shop, other_host = make_workspace("shop"), make_host("b2")
    limit(shop, most_running=1)
    running, same_host = queued(workspace=shop), queued(workspace=make_workspace("depot"))
    fill(make_host())
    waiting = [queued(workspace=make_workspace("depot")), queued(workspace=shop, host=other_host)]
    broker.sent.clear()
    with django_capture_on_commit_callbacks(execute=True):
        end(room, now(running))
    assert now(same_host).state == "running"
    assert broker.of("jobs.dispatch") == [[job.pk] for job in waiting]


def test_a_job_of_no_workspace_has_its_turn_too(room: "redis.Redis") -> None:
    take(room, 2)
    for _ in range(3):
        queued(workspace=make_workspace("shop"))
    own = queued(workspace=None)
    fill(make_host())
    assert now(own).state == "running"


def test_no_more_jobs_wait_than_may(broker: Broker) -> None:
    shop = make_workspace("shop")
    limit(shop, most_waiting=2)
    actor, host = actor_of(make_user(Role.ADMIN)), make_host()

    def build() -> Job:
        return build_image(actor, host.name, tag="a:1", dockerfile="FROM scratch", workspace="shop")

    build()
    build()
    with pytest.raises(Conflict, match="2 jobs of “shop” are waiting"):
        build()
    make_job(state="running", workspace=shop)
    assert Job.objects.filter(state="queued").count() == 2


def test_of_hosts_each_is_filled_for_itself(room: "redis.Redis") -> None:
    facts: dict[str, Any] = {"workspace": make_workspace("shop")}
    here, there = queued(**facts), queued(host=make_host("b2"), **facts)
    fill(Host.objects.get(name="b2"))
    assert (now(here).state, now(there).state) == ("queued", "queued")
    assert now(there).waits_for == "agent"
    room.set(streams.agent_key("b2"), "1", ex=60)
    fill(Host.objects.get(name="b2"))
    assert (now(here).state, now(there).state) == ("queued", "running")
