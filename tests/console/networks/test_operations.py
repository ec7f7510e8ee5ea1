"""Networks are made, joined, left and removed by jobs, within what the workspace's rules allow."""

import pytest

from console.audit.models import AuditEntry
from console.containers.models import Container
from console.jobs.models import Job
from console.networks import operations
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Role
from tests.factories.console import actor_of, make_container, make_grant, make_user, make_workspace
from tests.factories.wires import make_network, member

pytestmark = pytest.mark.django_db


def developer(workspace: str) -> Actor:
    user = make_user(None)
    make_grant(user, Role.DEVELOPER, workspace=make_workspace(workspace))
    return actor_of(user)


def test_creating_one_makes_a_job_and_an_audit_row(admin: Actor) -> None:
    subnets = [{"subnet": "172.28.0.0/16", "gateway": "172.28.0.1", "ip_range": "172.28.5.0/24"}]
    job = operations.create_network(admin, "local", name="main_front", subnets=subnets, labels={"team": "a"})
    assert (job.kind, job.on_name, job.args["subnets"]) == ("network.create", "main_front", subnets)
    assert AuditEntry.objects.latest("seq").details["subnets"] == ["172.28.0.0/16"]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("name", {"name": "a b"}),
        ("name", {"name": ""}),
        ("driver", {"driver": "../x"}),
        ("subnets", {"subnets": [{"subnet": "10.0.0.1/8"}]}),
        ("subnets", {"subnets": [{"subnet": "10.0.0.0/8", "gateway": "11.0.0.1"}]}),
        ("subnets", {"subnets": [{"subnet": "10.0.0.0/8", "ip_range": "fd00::/64"}]}),
        ("subnets", {"subnets": [{"subnet": "fd00::/64"}]}),
        ("labels", {"labels": {"naru.job": "7"}}),
        ("options", {"options": {"a\0": "b"}}),
    ],
)
def test_what_is_malformed_names_its_field(admin: Actor, field: str, given: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        operations.create_network(admin, "local", **{"name": "main_x", **given})  # type: ignore[arg-type]
    assert refused.value.field == field
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "given",
    [
        {"name": "depot_front"},
        {"driver": "macvlan"},
        {"driver": "host"},
        {"options": {"parent": "eth0"}},
        {"options": {"com.docker.network.bridge.name": "docker0"}},
        {"options": {"com.docker.network.bridge.host_binding_ipv4": "0.0.0.0"}},
        {"options": {"something.new": "1"}},
        {"subnets": [{"subnet": "8.8.8.0/24"}]},
        {"subnets": [{"subnet": "2001:db8::/64"}], "has_ipv6": True},
    ],
)
def test_the_rules_keep_the_host_to_itself(given: dict[str, object]) -> None:
    make_workspace("depot")
    actor = developer("shop")
    make_network("other", workspace=make_workspace("shop"))
    with pytest.raises(Denied):
        operations.create_network(actor, "local", **{"name": "shop_front", **given})  # type: ignore[arg-type]
    assert not Job.objects.exists()


def test_rules_can_allow_what_they_keep_back() -> None:
    make_network("other")
    actor = developer("shop")
    make_workspace("shop", host_namespaces=["network"], subnets=["0.0.0.0/0"])
    subnets = [{"subnet": "203.0.113.0/24"}]
    job = operations.create_network(
        actor, "local", name="shop_lan", driver="macvlan", options={"parent": "eth0"}, subnets=subnets
    )
    assert job.workspace == make_workspace("shop")


def test_a_name_is_given_once(admin: Actor) -> None:
    make_network("main_front")
    for name in ("main_front", "bridge"):
        with pytest.raises(Conflict):
            operations.create_network(admin, "local", name=name)
    operations.create_network(admin, "local", name="main_back")
    with pytest.raises(Conflict):
        operations.create_network(admin, "local", name="main_back")


def test_one_that_is_used_or_the_engines_own_is_not_removed(admin: Actor) -> None:
    make_network("main_used", members=[member(make_container("web"))])
    make_network("bridge")
    for name in ("main_used", "bridge"):
        with pytest.raises(Conflict):
            operations.remove_network(admin, "local", name)
    make_network("main_free")
    assert operations.remove_network(admin, "local", "main_free").kind == "network.remove"


def test_joining_and_leaving(admin: Actor) -> None:
    web = make_container("web")
    network = make_network("main_front")
    job = operations.connect_container(
        admin, "local", "main_front", container="web", aliases=["www"], ipv4="172.18.0.9"
    )
    assert (job.args["container"], job.args["aliases"], job.args["ipv4"]) == (web.engine_id, ["www"], "172.18.0.9")
    with pytest.raises(Conflict):
        operations.disconnect_container(admin, "local", "main_front", container="web")
    other = make_network("main_back", members=[member(web)])
    with pytest.raises(Conflict):
        operations.connect_container(admin, "local", other.name, container="web")
    left = operations.disconnect_container(admin, "local", other.name, container=web.engine_id[:12])
    assert left.args["container_name"] == "web"
    assert network.members == []


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("container", {"container": "nobody"}),
        ("aliases", {"aliases": ["a b"]}),
        ("ipv4", {"ipv4": "10.9.9.9"}),
        ("ipv4", {"ipv4": "many"}),
        ("ipv6", {"ipv6": "172.18.0.9"}),
    ],
)
def test_how_not_to_join(admin: Actor, field: str, given: dict[str, object]) -> None:
    make_container("web")
    make_network("main_front")
    with pytest.raises(Invalid) as refused:
        operations.connect_container(admin, "local", "main_front", **{"container": "web", **given})  # type: ignore[arg-type]
    assert refused.value.field == field


def test_a_container_of_others_cannot_be_pulled_onto_a_network() -> None:
    make_network("shop_front", workspace=make_workspace("shop"))
    make_container("theirs", workspace=make_workspace("depot"))
    with pytest.raises(Invalid, match="no container"):
        operations.connect_container(developer("shop"), "local", "shop_front", container="theirs")


def test_a_container_joins_only_where_its_own_workspace_may_be(admin: Actor) -> None:
    """Even by somebody who may everywhere: the rules are the workspace's."""
    make_container("web", workspace=make_workspace("shop"))
    make_network("depot_secret", workspace=make_workspace("depot"))
    with pytest.raises(Denied):
        operations.connect_container(admin, "local", "depot_secret", container="web")
    # one that was given to the workspace is its own, whatever its name
    make_network("legacy", workspace=make_workspace("shop"))
    assert operations.connect_container(admin, "local", "legacy", container="web").kind == "network.connect"


def test_a_prune_takes_what_was_shown_and_is_still_unused(admin: Actor) -> None:
    make_network("main_a")
    make_network("main_b", members=[member(make_container("web"))])
    make_network("main_c")
    make_network("bridge")
    names = ["main_a", "main_b", "bridge", "nothing"]
    job = operations.prune_networks(admin, "local", workspace="main", names=names)
    assert [one["name"] for one in job.args["networks"]] == ["main_a"]
    with pytest.raises(Conflict):
        operations.prune_networks(admin, "local", workspace="main", names=["main_b"])


def test_another_workspace_is_given_it(admin: Actor) -> None:
    make_network("main_front")
    moved = operations.move_network(admin, "local", "main_front", workspace=make_workspace("shop").slug)
    assert moved.workspace.slug == "shop"
    with pytest.raises(Missing):
        operations.remove_network(developer("depot"), "local", "main_front")
    assert Container.objects.count() == 0
