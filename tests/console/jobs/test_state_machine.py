"""What becomes of a job: every way from queued to its end, and who may push it there."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from console.hosts.signing_key import host_key
from console.jobs import dispatching, observations, streams
from console.jobs.dispatching import dispatch
from console.jobs.ingest import ingest
from console.jobs.models import Job
from console.jobs.operations import cancel_job, retry_job
from console.jobs.queueing import words_for
from console.jobs.signing import verify
from console.jobs.sweeping import sweep
from console.operations.errors import Conflict, Denied
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.console.jobs.conftest import now, queued, say, swept_for_long
from tests.factories.console import actor_of, make_container, make_host, make_job, make_user
from tests.fakes.broker import Broker

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(minutes=1)


@pytest.fixture
def running(room: "redis.Redis") -> Job:
    """On its first of three attempts."""
    job = queued()
    assert dispatch(job.pk)
    return now(job)


def run_out(job: Job) -> None:
    """Let the lease of the attempt end."""
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - LONG_AGO)


def heard(room: "redis.Redis", job: Job) -> None:
    """The agent shows that it is at work."""
    say(room, "attempt.alive", job=job.pk, attempt=job.attempt)
    ingest("local")


def ended(room: "redis.Redis", job: Job, *, host: str = "local", **fact: Any) -> None:
    say(room, "attempt.ended", host=host, job=job.pk, **{"attempt": job.attempt, "state": "succeeded", **fact})
    ingest(host)


# --- sending ---


def test_a_dispatched_job_runs_under_a_lease(running: Job) -> None:
    assert (running.state, running.attempt) == ("running", 1)
    assert running.lease_expires_at is not None
    assert timezone.now() < running.lease_expires_at <= timezone.now() + observations.LEASE


def test_the_message_is_signed_for_its_host_and_for_no_other(running: Job, broker: Broker, settings: Settings) -> None:
    [[message]] = broker.of("jobs.execute")
    told = verify(message, host_key(settings.SECRET_KEY, "local"))
    assert (told["job"], told["attempt"], told["kind"]) == (running.pk, 1, "image.build")
    with pytest.raises(Denied):
        verify(message, host_key(settings.SECRET_KEY, "b2"))


def test_of_two_who_claim_one_wins(room: "redis.Redis", broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    job, ask = queued(), dispatching._takes_work
    others: list[bool] = []

    def meanwhile(looked_at: Job) -> bool:
        # between the look at the row and the claim, somebody else goes all the way
        monkeypatch.setattr(dispatching, "_takes_work", ask)
        others.append(dispatch(job.pk))
        return ask(looked_at)

    monkeypatch.setattr(dispatching, "_takes_work", meanwhile)
    assert (dispatch(job.pk), others) == (False, [True])
    assert now(job).attempt == 1
    assert len(broker.of("jobs.execute")) == 1


@pytest.mark.parametrize("state", ["running", "succeeded", "failed", "cancelled"])
def test_only_a_queued_job_is_sent(room: "redis.Redis", broker: Broker, state: str) -> None:
    assert not dispatch(make_job(state=state).pk)
    assert broker.sent == []


@pytest.mark.parametrize(("shown", "reason"), [(None, "agent"), ("0", "host")])
def test_a_job_waits_in_the_queue_and_says_for_what(
    redis_server: "redis.Redis", broker: Broker, shown: str | None, reason: str
) -> None:
    if shown is not None:
        redis_server.set(streams.agent_key("local"), shown)
    job = queued()
    assert not dispatch(job.pk)
    assert (now(job).state, now(job).attempt, now(job).waits_for) == ("queued", 0, reason)
    assert "“local”" in words_for(now(job))
    assert broker.of("jobs.execute") == []


def test_what_a_job_waits_for_is_said_anew_when_it_changes(redis_server: "redis.Redis", broker: Broker) -> None:
    job = queued()
    dispatch(job.pk)
    redis_server.set(streams.agent_key("local"), "0")
    dispatch(job.pk)
    assert now(job).waits_for == "host"


def test_waiting_does_not_hide_why_an_earlier_attempt_came_to_nothing(
    redis_server: "redis.Redis", broker: Broker
) -> None:
    job = queued(attempt=1, note="The worker died.")
    dispatch(job.pk)
    assert now(job).note == "The worker died."


def test_a_waiting_job_goes_once_there_is_room(room: "redis.Redis") -> None:
    room.delete(streams.agent_key("local"))
    job = queued()
    dispatch(job.pk)
    room.set(streams.agent_key("local"), "1")
    sweep()
    assert now(job).state == "running"


def test_an_attempt_the_broker_refused_does_not_count(room: "redis.Redis", broker: Broker) -> None:
    broker.takes = False
    job = queued()
    assert not dispatch(job.pk)
    assert (now(job).state, now(job).attempt, now(job).lease_expires_at) == ("queued", 0, None)
    assert now(job).waits_for == "broker"
    broker.takes = True
    assert dispatch(job.pk)
    assert now(job).attempt == 1


def test_a_job_whose_input_was_swept_fails_and_says_so(room: "redis.Redis", broker: Broker) -> None:
    job = queued(blobs=["ab" * 32])
    assert not dispatch(job.pk)
    assert now(job).state == "failed"
    assert "abababababab" in now(job).error
    assert broker.of("jobs.execute") == []


# --- losing attempts ---


def test_an_attempt_nobody_heard_of_is_sent_again_as_the_same(running: Job, broker: Broker) -> None:
    run_out(running)
    sweep()
    assert (now(running).state, now(running).attempt) == ("running", 1)
    assert len(broker.of("jobs.execute")) == 2


def test_a_lost_attempt_is_tried_again(room: "redis.Redis", running: Job, broker: Broker) -> None:
    heard(room, running)
    run_out(running)
    sweep()
    assert (now(running).state, now(running).attempt) == ("running", 2)
    assert len(broker.of("jobs.execute")) == 2


def test_the_last_attempt_lost_is_a_failure_with_its_reason(room: "redis.Redis", running: Job) -> None:
    for _ in range(3):
        heard(room, now(running))
        run_out(running)
        sweep()
    job = now(running)
    assert (job.state, job.attempt) == ("failed", 3)
    assert "no sign of life" in job.error
    assert job.finished_at is not None


def test_a_lease_that_goes_on_is_not_lost(running: Job) -> None:
    sweep()
    assert (now(running).state, now(running).attempt) == ("running", 1)


def test_a_sign_of_life_renews_the_lease_and_shows_progress(room: "redis.Redis", running: Job) -> None:
    run_out(running)
    say(room, "attempt.alive", job=running.pk, attempt=1, progress={"step": 2, "steps": 5})
    sweep()
    assert (now(running).state, now(running).attempt) == ("running", 1)
    assert now(running).progress == {"step": 2, "steps": 5}


def test_an_interrupted_attempt_goes_back_to_the_queue(room: "redis.Redis", running: Job) -> None:
    say(room, "attempt.interrupted", job=running.pk, attempt=1)
    ingest("local")
    assert (now(running).state, now(running).attempt) == ("queued", 1)
    assert "restarted" in now(running).note


def test_the_last_attempt_interrupted_is_a_failure_with_its_reason(room: "redis.Redis", broker: Broker) -> None:
    job = queued("container.run", max_attempts=1)
    dispatch(job.pk)
    say(room, "attempt.interrupted", job=job.pk, attempt=1)
    ingest("local")
    assert now(job).state == "failed"
    assert "restarted" in now(job).error


def test_a_sign_of_life_that_comes_while_the_lease_is_looked_at_counts(room: "redis.Redis", running: Job) -> None:
    heard(room, running)
    by = timezone.now() - LONG_AGO
    observations.lose(running.pk, attempt=1, why="silence", expired_by=by)
    observations.give_back(running.pk, attempt=1, expired_by=by)
    assert (now(running).state, now(running).attempt) == ("running", 1)


def test_no_lease_ends_while_there_is_something_left_to_read(
    room: "redis.Redis", running: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_out(running)
    say(room, "attempt.alive", job=running.pk, attempt=1)
    # somebody else holds the stream, and died with it
    monkeypatch.setattr("console.jobs.ingest.ingest", lambda _host: 0)
    sweep()
    assert (now(running).state, now(running).sent_at) == ("running", running.sent_at)


@pytest.mark.parametrize("lost", ["swept", "all"])
def test_no_lease_ends_before_agents_could_speak_again(room: "redis.Redis", running: Job, lost: str) -> None:
    heard(room, running)
    run_out(running)
    # Redis or the sweeper were away, or Redis has forgotten
    if lost == "all":
        room.flushall()
    room.delete(streams.SWEPT_KEY)
    sweep()
    assert (now(running).state, now(running).attempt) == ("running", 1)
    swept_for_long(room)
    sweep()
    assert now(running).attempt == (2 if lost == "swept" else 1)
    assert now(running).note


def test_a_lost_attempt_somebody_wanted_to_stop_is_not_repeated(running: Job) -> None:
    cancel_job(actor_of(make_user(Role.ADMIN)), running.pk)
    run_out(running)
    sweep()
    assert now(running).state == "cancelled"


# --- ending ---


def test_an_answer_ends_the_job(room: "redis.Redis", running: Job) -> None:
    ended(room, running, result={"image": "ab"})
    job = now(running)
    assert (job.state, job.result, job.lease_expires_at) == ("succeeded", {"image": "ab"}, None)


def test_an_answer_said_twice_counts_once(room: "redis.Redis", running: Job) -> None:
    ended(room, running, state="failed", error="no such file")
    finished_at = now(running).finished_at
    ended(room, running, state="failed", error="no such file")
    assert now(running).finished_at == finished_at


def test_an_answer_of_an_attempt_given_up_is_ignored(room: "redis.Redis", running: Job) -> None:
    heard(room, running)
    run_out(running)
    sweep()
    ended(room, running, state="failed", error="too late")
    assert (now(running).state, now(running).attempt, now(running).error) == ("running", 2, "")


@pytest.mark.parametrize("kind", ["attempt.ended", "attempt.alive", "attempt.interrupted"])
def test_what_another_host_says_of_a_job_is_ignored(room: "redis.Redis", running: Job, kind: str) -> None:
    make_host("b2")
    say(room, kind, host="b2", job=running.pk, attempt=1, state="failed", error="not mine", progress={"step": 9})
    ingest("b2")
    assert (now(running).state, now(running).attempt, now(running).progress) == ("running", 1, {})


def test_an_error_the_database_cannot_hold_as_it_is_ends_the_job_all_the_same(
    room: "redis.Redis", running: Job
) -> None:
    ended(room, running, state="failed", error="bad \ud800 and \0 text")
    assert now(running).state == "failed"
    assert "text" in now(running).error


# --- cancelling ---


def test_a_queued_job_is_cancelled_at_once_and_never_sent(room: "redis.Redis", broker: Broker) -> None:
    job = queued()
    cancel_job(actor_of(make_user(Role.ADMIN)), job.pk)
    assert now(job).state == "cancelled"
    assert not dispatch(job.pk)


def test_a_running_job_is_told_to_stop(
    room: "redis.Redis", running: Job, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        cancel_job(actor_of(make_user(Role.ADMIN)), running.pk)
    assert (now(running).state, now(running).is_cancelling) == ("running", True)
    assert room.exists(streams.cancel_key(running.pk))


def test_word_to_stop_that_got_lost_is_said_again(room: "redis.Redis", running: Job) -> None:
    cancel_job(actor_of(make_user(Role.ADMIN)), running.pk)
    room.delete(streams.cancel_key(running.pk))
    sweep()
    assert room.exists(streams.cancel_key(running.pk))


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_cancelling_what_has_ended_is_a_conflict(state: str) -> None:
    with pytest.raises(Conflict):
        cancel_job(actor_of(make_user(Role.ADMIN)), make_job(state=state).pk)


def test_an_operator_cancels_own_jobs_only() -> None:
    operator = make_user(Role.OPERATOR)
    own, other = queued(user=operator), queued(user=make_user(Role.ADMIN))
    cancel_job(actor_of(operator), own.pk)
    with pytest.raises(Denied):
        cancel_job(actor_of(operator), other.pk)
    assert (now(own).state, now(other).state) == ("cancelled", "queued")


# --- repeating ---


def test_a_retry_is_a_new_job_with_the_same_work(broker: Broker) -> None:
    container = make_container("web-1")
    about: dict[str, Any] = {"on_kind": container.target_kind, "on_id": container.target_id, "on_name": "web-1"}
    old = make_job("container.stop", state="failed", args={"engine_id": "ab", "timeout_s": 3}, **about)
    new = now(retry_job(actor_of(make_user(Role.OPERATOR)), old.pk))
    assert (new.state, new.attempt, new.retry_of_id) == ("queued", 0, old.pk)
    assert (new.kind, new.args, new.on_id, new.on_name) == (old.kind, old.args, old.on_id, old.on_name)
    assert now(old).state == "failed"


def test_a_retry_takes_the_permission_the_work_takes(broker: Broker) -> None:
    job = make_job("image.build", state="failed")
    with pytest.raises(Denied) as denied:
        retry_job(actor_of(make_user(Role.OPERATOR)), job.pk)
    assert denied.value.permission == "image.build"
    assert Job.objects.count() == 1


@pytest.mark.parametrize("state", ["queued", "running", "succeeded"])
def test_only_what_came_to_nothing_is_repeated(broker: Broker, state: str) -> None:
    with pytest.raises(Conflict):
        retry_job(actor_of(make_user(Role.ADMIN)), make_job(state=state).pk)
    assert Job.objects.count() == 1


def test_work_is_not_repeated_beside_other_work_on_the_same_container(broker: Broker) -> None:
    container = make_container("web-1")
    about: dict[str, Any] = {"on_kind": container.target_kind, "on_id": container.target_id, "on_name": "web-1"}
    old = make_job("container.stop", state="failed", **about)
    make_job("container.remove", state="running", **about)
    with pytest.raises(Conflict, match="still at work"):
        retry_job(actor_of(make_user(Role.ADMIN)), old.pk)


# --- sweeping ---


def test_the_output_of_a_job_that_ended_is_sealed_in_the_end(room: "redis.Redis") -> None:
    job = make_job(state="succeeded", finished_at=timezone.now() - LONG_AGO)
    sweep()
    assert now(job).output_sealed_at is not None


def test_a_job_nobody_was_told_of_is_sent_by_the_sweep(room: "redis.Redis") -> None:
    job = queued()
    sweep()
    assert now(job).state == "running"
