"""Asking for containers to be replaced, cloned and changed in place, and many at once."""

from typing import Any

import pytest
from django.utils import timezone

from console.audit.models import AuditEntry
from console.containers import present
from console.containers.models import Container, Revision
from console.containers.observations import containers_seen
from console.containers.operations import (
    act_on_many,
    clone_container,
    kill_container,
    pause_container,
    rename_container,
    replace_container,
    restart_container,
    restore_revision,
    unpause_container,
    update_limits,
)
from console.containers.picking import get_action, judge_picked
from console.containers.queries import revision_in_force, revisions_of
from console.containers.specs.spec import ContainerSpec, Mount, MountKind
from console.hosts.facts import container_fact
from console.jobs.models import Job
from console.jobs.observations import lose
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.governed import writes_allowed
from console.operations.permissions import Permission, Role
from tests.factories.console import (
    actor_of,
    digits,
    make_container,
    make_custom_role,
    make_grant,
    make_host,
    make_image,
    make_job,
    make_secret,
    make_user,
    make_workspace,
)

DOCUMENT: dict[str, Any] = {
    "Config": {"Image": "a:1", "Env": ["PATH=/bin", "GREETING=hello"], "Labels": {"naru.job": "7", "team": "blue"}},
    "HostConfig": {
        "Memory": 64 << 20,
        "MemorySwap": 128 << 20,
        "NanoCpus": 500_000_000,
        "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        "RestartPolicy": {"Name": "no"},
    },
}
IMAGE = {"Config": {"Env": ["PATH=/bin"]}}
PORTS = [{"host_address": "127.0.0.1", "host_port": 8080, "container_port": 80, "protocol": "tcp"}]


@pytest.fixture
def web(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> Container:
    """As its engine says it is DOCUMENT."""
    make_image("a:1")
    container = make_container("web", ports=PORTS, memory_bytes=64 << 20, cpus=0.5)

    async def inspected(*_given: str) -> tuple[dict[str, Any], dict[str, Any]]:
        return DOCUMENT, IMAGE

    monkeypatch.setattr(present, "inspected", inspected)
    return container


def end(job: Job, state: str = "succeeded") -> None:
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(state=state)


def seen(job: Job, name: str, *, engine_id: str = "", **labels: str) -> Container:
    """A container that the job has made."""
    engine_id = engine_id or digits()
    config = {"Image": "a:1", "Labels": {"naru.job": str(job.pk), **labels}}
    document = {"Id": engine_id, "Name": f"/{name}", "State": {"Status": "running"}, "Config": config}
    containers_seen("local", {"containers": [container_fact(document).as_json()]})
    return Container.objects.get(engine_id=engine_id)


# --- replacing ---


def test_without_a_specification_it_is_the_same_again(admin: Actor, web: Container) -> None:
    job = replace_container(admin, "local", "web")
    assert (job.kind, job.on_id, job.max_attempts) == ("container.replace", str(web.pk), 3)
    assert job.args["engine_id"] == web.engine_id
    spec = ContainerSpec.from_json(job.args)
    assert (spec.env, dict(spec.labels)) == ({"GREETING": "hello"}, {"team": "blue"})
    assert (spec.memory_bytes, spec.memory_swap_bytes, spec.cpus) == (64 << 20, 0, 0.5)
    # its own port is free for it, though it is held
    assert job.args["ports"] == PORTS


def test_a_port_of_somebody_else_is_not(admin: Actor, web: Container) -> None:
    make_container("other", ports=[{**PORTS[0], "host_port": 9090}])
    spec = ContainerSpec.from_json({"image": "a:1", "ports": [{**PORTS[0], "host_port": 9090}]})
    with pytest.raises(Conflict, match="taken already"):
        replace_container(admin, "local", "web", spec=spec)


def test_an_edit_keeps_what_was_and_what_is_to_be(admin: Actor, web: Container) -> None:
    job = replace_container(admin, "local", "web", spec=ContainerSpec("a:1", env={"GREETING": "bye"}))
    found, edited = revisions_of(web).order_by("number")
    assert (found.number, found.cause, found.spec["env"]) == (1, "found", {"GREETING": "hello"})
    assert (edited.number, edited.cause, edited.job, edited.spec["env"]) == (2, "edited", job, {"GREETING": "bye"})
    assert revision_in_force(web) == found
    end(job)
    assert revision_in_force(web) == edited
    entry = AuditEntry.objects.latest("seq")
    assert entry.details["changed"] == ["cpus", "env", "labels", "memory_bytes", "ports"]
    assert "bye" not in str(entry.details)


def test_the_new_one_has_the_history_of_the_old(admin: Actor, web: Container) -> None:
    job = replace_container(admin, "local", "web")
    end(job)
    new = seen(job, "web")
    assert new.pk != web.pk
    assert (new.lineage, new.workspace) == (web.pk, web.workspace)
    assert revisions_of(new).count() == 2
    with writes_allowed("test"):
        Container.objects.filter(pk=web.pk).update(name="web.naru-old", gone_at=new.created_at)
    again = restore_revision(admin, "local", "web", 1)
    restored = revisions_of(new)[0]
    assert (restored.number, restored.cause, restored.restores, restored.job) == (3, "restored", 1, again)


def test_a_revision_is_never_changed(admin: Actor, web: Container) -> None:
    replace_container(admin, "local", "web")
    revision = Revision.objects.first()
    assert revision is not None
    revision.number = 7
    with writes_allowed("test"), pytest.raises(RuntimeError, match="never changed"):
        revision.save()


def test_values_of_secrets_stay_references(admin: Actor, web: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    make_secret("token")
    spec = ContainerSpec("a:1", env={"TOKEN": "secret:token"})
    end(replace_container(admin, "local", "web", spec=spec))
    document = {**DOCUMENT, "Config": {"Image": "a:1", "Env": ["TOKEN=sesame"]}}

    async def inspected(*_given: str) -> tuple[dict[str, Any], None]:
        return document, None

    monkeypatch.setattr(present, "inspected", inspected)
    job = replace_container(admin, "local", "web")
    assert (job.args["env"], job.args["secrets"]) == ({"TOKEN": "secret:token"}, ["token"])
    assert not Revision.objects.filter(spec__icontains="sesame").exists()


def test_one_that_goes_when_it_ends_is_not_replaced(
    admin: Actor, web: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def inspected(*_given: str) -> tuple[dict[str, Any], None]:
        return {"Config": {"Image": "a:1"}, "HostConfig": {"AutoRemove": True}}, None

    monkeypatch.setattr(present, "inspected", inspected)
    with pytest.raises(Conflict, match="could not be brought back"):
        replace_container(admin, "local", "web")


def test_who_may_not_change_it_asks_no_engine(web: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    async def inspected(*_given: str) -> Any:
        raise AssertionError

    monkeypatch.setattr(present, "inspected", inspected)
    with pytest.raises(Denied):
        replace_container(actor_of(make_user(Role.OPERATOR)), "local", "web")


def test_the_rules_judge_all_that_an_edit_asks(web: Container) -> None:
    workspace = make_workspace(memory_bytes=100 << 20, cpus=1.0)
    developer = actor_of(make_user(None))
    make_grant(developer_user := make_user(None), Role.DEVELOPER, workspace=workspace)
    developer = actor_of(developer_user)
    bind = ContainerSpec("a:1", memory_bytes=6 << 20, cpus=0.1, mounts=(Mount(MountKind.BIND, "/x", "/etc"),))
    with pytest.raises(Denied, match="/etc"):
        replace_container(developer, "local", "web", spec=bind)
    with pytest.raises(Denied, match="Privileged"):
        replace_container(
            developer, "local", "web", spec=ContainerSpec("a:1", memory_bytes=6 << 20, cpus=0.1, privileged=True)
        )
    # what the old one has is free for the new one
    fits = ContainerSpec("a:1", memory_bytes=100 << 20, cpus=1.0)
    assert replace_container(developer, "local", "web", spec=fits).args["memory_bytes"] == 100 << 20


def test_cancelling_one_that_is_lost_has_it_taken_back(admin: Actor, web: Container) -> None:
    facts: dict[str, Any] = {"state": "running", "cancel_requested_at": timezone.now(), "max_attempts": 2}
    job, other = make_job("container.replace", **facts), make_job("container.start", **facts)
    for one in (job, other):
        lose(one.pk, attempt=1, why="gone")
    job.refresh_from_db()
    other.refresh_from_db()
    assert (job.state, other.state) == ("queued", "cancelled")
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(state="running", attempt=2)
    lose(job.pk, attempt=2, why="gone")
    job.refresh_from_db()
    assert job.state == "cancelled"


# --- in place ---


def test_limits_change_as_it_runs(admin: Actor, web: Container) -> None:
    job = update_limits(admin, "local", "web", memory_bytes=128 << 20, restart="always", pids_limit=0)
    assert job.args["update"] == {
        "Memory": 128 << 20,
        "MemorySwap": 256 << 20,
        "NanoCpus": 500_000_000,
        "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
    }
    assert revisions_of(web)[0].cause == "limits"
    end(job)
    with pytest.raises(Invalid, match="at least one limit"):
        update_limits(admin, "local", "web", memory_bytes=0)


@pytest.mark.parametrize(
    ("ask", "state", "kind"),
    [
        (restart_container, "running", "container.restart"),
        (restart_container, "exited", "container.restart"),
        (pause_container, "running", "container.pause"),
        (unpause_container, "paused", "container.unpause"),
        (kill_container, "running", "container.kill"),
    ],
)
def test_small_acts_become_jobs(admin: Actor, ask: Any, state: str, kind: str) -> None:
    container = make_container("db", state=state)
    assert ask(admin, "local", "db").kind == kind
    with pytest.raises(Conflict, match="still at work"):
        ask(admin, "local", container.engine_id)


@pytest.mark.parametrize(
    ("ask", "state"), [(pause_container, "paused"), (unpause_container, "running"), (kill_container, "exited")]
)
def test_what_does_not_fit_is_a_conflict(admin: Actor, ask: Any, state: str) -> None:
    make_container("db", state=state)
    with pytest.raises(Conflict):
        ask(admin, "local", "db")


@pytest.mark.parametrize("signal", ["", "TERM; rm", "sig kill", "0", "-9", "SIGNAL\nX"])
def test_what_is_no_signal_is_refused(admin: Actor, signal: str) -> None:
    make_container("db")
    with pytest.raises(Invalid) as refused:
        kill_container(admin, "local", "db", signal=signal)
    assert refused.value.field == "signal"


def test_a_name_in_use_or_under_way_cannot_be_taken(admin: Actor) -> None:
    make_container("db")
    make_container("cache")
    with pytest.raises(Conflict, match="in use"):
        rename_container(admin, "local", "db", to="cache")
    with pytest.raises(Invalid, match="console’s own"):
        rename_container(admin, "local", "db", to="cache.naru-new-0123")
    assert rename_container(admin, "local", "db", to="store").args["name"] == "store"
    with pytest.raises(Conflict, match="in use"):
        rename_container(admin, "local", "cache", to="store")


# --- clones ---


def test_clones_have_names_and_ports_of_their_own(admin: Actor, web: Container) -> None:
    make_container("web-2", ports=[{**PORTS[0], "host_port": 8082}])
    job = clone_container(admin, "local", "web", count=3, pattern="web-{n}", ports="counted")
    assert [(one["name"], one["ports"][0]["host_port"]) for one in job.args["clones"]] == [
        ("web-1", 8081),
        ("web-3", 8083),
        ("web-4", 8084),
    ]
    end(job)
    left = clone_container(admin, "local", "web", count=2)
    assert [(one["name"], one["ports"][0]["host_port"]) for one in left.args["clones"]] == [("web-1", 0), ("web-3", 0)]


def test_what_clones_under_way_will_have_is_taken(admin: Actor, web: Container) -> None:
    clone_container(admin, "local", "web", count=1, ports="counted")
    job = clone_container(admin, "local", "web", count=1, ports="counted")
    assert [(one["name"], one["ports"][0]["host_port"]) for one in job.args["clones"]] == [("web-2", 8082)]


def test_the_limits_of_the_workspace_hold_for_all_clones(admin: Actor, web: Container) -> None:
    make_workspace(most_containers=3, memory_bytes=200 << 20, cpus=10.0)
    with pytest.raises(Denied, match=r"containers already.*MiB left"):
        clone_container(admin, "local", "web", count=3)
    assert clone_container(admin, "local", "web", count=2).kind == "container.clone"
    with pytest.raises(Denied):
        clone_container(admin, "local", "web", count=1)


@pytest.mark.parametrize("count", [0, 51, -1])
def test_so_many_clones_are_not_made(admin: Actor, web: Container, count: int) -> None:
    with pytest.raises(Invalid) as refused:
        clone_container(admin, "local", "web", count=count)
    assert refused.value.field == "count"


def test_a_clone_begins_a_history_of_its_own(admin: Actor, web: Container) -> None:
    job = clone_container(admin, "local", "web", count=2, ports="counted")
    end(job)
    one = seen(job, "web-2")
    revision = revisions_of(one).get()
    assert (revision.cause, revision.job, revision.spec["ports"][0]["host_port"]) == ("run", job, 8082)
    assert one.lineage == one.pk


# --- many ---


def keys(*containers: Container) -> list[str]:
    return [f"{one.host.name}/{one.short_id}" for one in containers]


def test_many_are_one_job_and_the_rest_is_said_beforehand(admin: Actor) -> None:
    one, two, three = make_container("a1"), make_container("b1"), make_container("c1", state="exited")
    make_job("container.stop", state="running", on_kind="container", on_id=str(two.pk))
    picked = judge_picked(admin, get_action("stop"), keys(one, two, three))
    assert [bool(each.why_not) for each in picked] == [False, True, True]
    (job,) = act_on_many(admin, "stop", keys(one, two, three))
    assert job.args["items"] == [{"engine_id": one.engine_id, "name": "a1"}]
    with pytest.raises(Conflict, match="still at work"):
        restart_container(admin, "local", "a1")
    with pytest.raises(Conflict, match="none of them"):
        act_on_many(admin, "stop", keys(two, three))


def test_many_of_two_hosts_are_a_job_each(admin: Actor) -> None:
    one, two = make_container("a1"), make_container("a1", host=make_host("b2"))
    jobs = act_on_many(admin, "restart", keys(one, two))
    assert sorted((job.host.name, job.kind) for job in jobs) == [
        ("b2", "containers.restart"),
        ("local", "containers.restart"),
    ]


def test_over_what_it_is_not_held_it_is_not_done(admin: Actor) -> None:
    shop = make_workspace("shop")
    user = make_user(None)
    make_grant(user, make_custom_role("looker", Permission.CONTAINER_VIEW))
    make_grant(user, Role.OPERATOR, workspace=shop)
    own, other = make_container("a1", workspace=shop), make_container("b1")
    (job,) = act_on_many(actor_of(user), "stop", keys(own, other))
    assert [item["name"] for item in job.args["items"]] == ["a1"]
    with pytest.raises(Invalid):
        act_on_many(actor_of(user), "explode", keys(own))
