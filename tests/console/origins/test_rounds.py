"""What the clock does with repositories: it looks in somebody's name, fetches what is new, and deploys where it may."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.access.models import Grant
from console.accounts.models import User
from console.audit.models import AuditEntry
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.governed import writes_allowed
from console.origins import observations, rounds
from console.origins.facts import Given
from console.origins.models import Origin
from console.origins.operations import detach_repository, follow_repository
from console.origins.rounds import look_round
from console.stacks.models import Release, Stack
from console.stacks.operations import deploy_stack, plan_stack, remove_stack, roll_back
from tests.console.origins.conftest import TEXT, Pushed, carry_out, fetched, made, now
from tests.console.stacks.conftest import succeed
from tests.engine.host.build.web import Web
from tests.factories.console import make_secret
from tests.fakes.compose_host import Host

LATER = timedelta(hours=2)


def look(after: timedelta = LATER) -> list[Job]:
    """At whatever is due by then; the jobs that came of it."""
    known = set(Job.objects.values_list("pk", flat=True))
    look_round(timezone.now() + after)
    return list(Job.objects.exclude(pk__in=known).order_by("pk"))


def followed(actor: Actor, url: str, host: Host | None = None, **more: Any) -> Stack:
    """Fetched, and deployed where there is a host."""
    stack = fetched(made(actor, url, every_s=60, **more))
    if host is not None:
        run(actor, stack, host, deploy_stack(actor, stack.pk, plan_digest=plan_stack(actor, stack.pk).plan.digest))
    return Stack.objects.get(pk=stack.pk)


def run(actor: Actor, stack: Stack, host: Host, job: Job) -> None:
    prepared = plan_stack(actor, stack.pk)
    host.apply(prepared.plan, prepared.project)
    succeed(job)


def kinds(jobs: Iterable[Job]) -> list[str]:
    return [job.kind for job in jobs]


def test_a_new_commit_is_found_fetched_and_told_of(url: str, push: Pushed, kim: Actor, fake_host: Host) -> None:
    stack = followed(kim, url, fake_host)
    assert (look(), now(stack).is_newer) == ([], False)
    commit = push({"compose.yaml": TEXT.replace("one", "two")})
    [job] = look()
    assert (job.kind, job.actor_name, job.on_name) == ("stack.fetch", "kim", "shop")
    carry_out(job)
    origin = now(stack)
    assert (origin.stack.commit["id"], origin.is_newer, origin.deploy_at) == (commit, True, None)
    assert (look(), Release.objects.count()) == ([], 1)


def test_a_release_remembers_its_commit(url: str, push: Pushed, kim: Actor, fake_host: Host) -> None:
    stack = followed(kim, url, fake_host)
    first = stack.commit["id"]
    second = push({"compose.yaml": TEXT.replace("one", "two")})
    carry_out(look()[0])
    run(kim, stack, fake_host, deploy_stack(kim, stack.pk, plan_digest=plan_stack(kim, stack.pk).plan.digest))
    back = plan_stack(kim, stack.pk, release=1)
    roll_back(kim, stack.pk, release=1, plan_digest=back.plan.digest)
    commits = Release.objects.order_by("number").values_list("commit", flat=True)
    assert [commit["id"] for commit in commits] == [first, second, first]


def test_where_it_may_it_deploys_by_itself(url: str, push: Pushed, kim: Actor, fake_host: Host) -> None:
    stack = followed(kim, url, on_change="deploy")
    [job] = look()
    assert (job.kind, job.actor_name, Release.objects.get().commit["id"]) == ("stack.deploy", "kim", stack.commit["id"])
    assert AuditEntry.objects.latest("seq").details["schedule"] == url
    run(kim, stack, fake_host, job)
    assert look() == []
    commit = push({"compose.yaml": TEXT.replace("one", "two")})
    carry_out(look()[0])
    assert kinds(look()) == ["stack.deploy"]
    assert Release.objects.latest("number").commit["id"] == commit


def test_a_commit_that_changes_nothing_makes_no_release(url: str, push: Pushed, kim: Actor, fake_host: Host) -> None:
    for on_change in ("deploy", "tell"):
        stack = followed(kim, url, fake_host, on_change=on_change)
        push({"README.md": on_change})
        carry_out(look()[0])
        assert (look(), now(stack).is_newer, now(stack).deploy_at) == ([], False, None)
        assert Release.objects.count() == 1
        with writes_allowed("test"):
            Stack.objects.all().delete()
        fake_host.__init__(web="1", db="1")  # type: ignore[misc]


def test_what_is_built_is_of_the_same_commit(url: str, push: Pushed, kim: Actor, fake_host: Host) -> None:
    make_secret("git-token", "canary-of-git")
    text = "services: {web: {build: {context: app, dockerfile: Dockerfile.web}}}\n"
    commit = push({"deploy/compose.yaml": text, "deploy/app/Dockerfile.web": "FROM scratch\n", "deploy/app/main": "x"})
    account: dict[str, Any] = {"username": "kim", "password": "secret:git-token"}
    stack = followed(kim, url, paths=["deploy/compose.yaml"], **account)
    job = deploy_stack(kim, stack.pk, plan_digest=plan_stack(kim, stack.pk).plan.digest)
    build = job.args["builds"]["web"]
    assert build["git"] == {"url": url, "ref": commit, "directory": "deploy/app", **account}
    assert (build["dockerfile_path"], job.args["secrets"]) == ("Dockerfile.web", ["git-token"])


def test_where_data_would_be_lost_it_only_tells(url: str, push: Pushed, kim: Actor, fake_host: Host) -> None:
    stack = followed(kim, url, fake_host, on_change="deploy")
    for one in fake_host.containers.values():
        one["Mounts"] = [{"Type": "volume", "Name": "f" * 64, "Destination": "/data"}]
    push({"compose.yaml": "services: {web: {image: web, environment: {A: one}}}\n"})
    carry_out(look()[0])
    assert look() == []
    origin = now(stack)
    assert ("data would be lost" in origin.held, origin.deploy_at, origin.is_active) == (True, None, True)


def test_while_another_job_is_at_work_it_waits_for_its_turn(
    url: str, push: Pushed, kim: Actor, fake_host: Host
) -> None:
    stack = followed(kim, url, on_change="deploy")
    busy = remove_stack(kim, stack.pk)
    assert look() == []
    assert "still at work" in now(stack).held
    with writes_allowed("test"):
        Job.objects.filter(pk=busy.pk).update(state=Job.State.FAILED)
    assert kinds(look()) == ["stack.deploy"]
    assert now(stack).held == ""


@pytest.mark.parametrize("how", ["grant", "disabled", "secret"])
def test_whose_right_has_ended_has_nothing_done_in_their_name(
    url: str, push: Pushed, kim: Actor, fake_host: Host, how: str
) -> None:
    make_secret("git-token", "canary-of-git")
    account: dict[str, Any] = {"username": "kim", "password": "secret:git-token"} if how == "secret" else {}
    stack = followed(kim, url, on_change="deploy", **account)
    with writes_allowed("test"):
        if how == "disabled":
            User.objects.update(is_active=False)
        elif how == "secret":
            Grant.objects.update(role="viewer")
        else:
            Grant.objects.all().delete()
    push({"x": "y"})
    assert look() == []
    origin = now(stack)
    assert (origin.state, origin.next_at, origin.deploy_at) == (Origin.State.PAUSED, None, None)
    assert "kim may not" in origin.trouble
    entry = AuditEntry.objects.latest("seq")
    assert (entry.actor_name, entry.details["paused"]) == ("origins", True)
    assert look() == []


def test_saving_it_lets_it_go_on(url: str, kim: Actor) -> None:
    stack = followed(kim, url)
    with writes_allowed("test"):
        Origin.objects.update(state=Origin.State.PAUSED, trouble="why")
    follow_repository(kim, stack.pk, given=Given(url, every_s=60))
    assert (now(stack).state, now(stack).trouble) == (Origin.State.ACTIVE, "")


def test_what_fails_is_tried_less_and_less_often(web: Web, url: str, kim: Actor) -> None:
    stack = followed(kim, url)
    web.authorization = "Basic other"
    waits = []
    for _ in range(12):
        assert look() == []
        origin = now(stack)
        assert origin.next_at is not None
        assert origin.looked_at is not None
        waits.append(round((origin.next_at - origin.looked_at).total_seconds()))
    assert (waits[:4], waits[-1]) == ([60, 60, 120, 240], 3600)
    web.authorization = ""
    look()
    assert (now(stack).trouble, now(stack).failures) == ("", 0)


def test_one_that_is_not_looked_at_by_itself_is_not(url: str, push: Pushed, kim: Actor) -> None:
    stack = fetched(made(kim, url))
    push({"x": "y"})
    assert (look(), now(stack).next_at) == ([], None)


def test_of_two_rounds_one_looks(url: str, push: Pushed, kim: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    followed(kim, url)
    push({"x": "y"})
    when, taken, meanwhile = timezone.now() + LATER, observations.taken, []

    def late(*given: Any, **until: Any) -> bool:
        # both have seen that it is due, before either has taken it
        monkeypatch.setattr(rounds, "taken", taken)
        meanwhile.append(look_round(when))
        return taken(*given, **until)

    monkeypatch.setattr(rounds, "taken", late)
    assert (look_round(when), meanwhile) == (0, [1])
    assert Job.objects.filter(kind="stack.fetch").count() == 2


def test_what_was_asked_for_by_earlier_settings_is_not_taken(url: str, kim: Actor) -> None:
    stack = made(kim, url)
    first = now(stack).job
    follow_repository(kim, stack.pk, given=Given(url, ref="v1"))
    assert first is not None
    carry_out(first)
    assert (Stack.objects.get(pk=stack.pk).files, now(stack).taken) == ({}, 0)


def test_a_stack_that_is_gone_is_not_looked_at(url: str, push: Pushed, kim: Actor) -> None:
    stack = followed(kim, url)
    succeed(remove_stack(kim, stack.pk))
    push({"x": "y"})
    assert look() == []


def test_detached_its_files_are_its_own(url: str, push: Pushed, kim: Actor, fake_host: Host) -> None:
    stack = followed(kim, url, fake_host)
    detached = detach_repository(kim, stack.pk)
    push({"x": "y"})
    assert (look(), detached.repository, detached.commit, detached.files) == ([], "", {}, {"compose.yaml": TEXT})
    assert Release.objects.get().commit["id"] == stack.commit["id"]
