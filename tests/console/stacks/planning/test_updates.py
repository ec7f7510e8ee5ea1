"""Shared ports and images by their ids in a plan."""

import pytest

from console.stacks.planning.plans import Action, Doubt, Plan
from console.stacks.planning.steps import plan
from tests.fakes.compose_files import problem, project
from tests.fakes.compose_host import Host, digest

GROUP = {"naru.shared-ports": "stack/a"}


def text(deploy: str, *, ports: str = "['80:80']", user: str = "1") -> str:
    return f"services: {{a: {{image: web, user: '{user}', ports: {ports}, deploy: {{{deploy}}}}}}}"


def planned(host: Host, given: str) -> Plan:
    wanted = project(given)
    return plan(wanted, host.world(wanted))


def applied(host: Host, given: str) -> Host:
    host.apply(planned(host, given), project(given))
    return host


def host(*, shares_ports: bool) -> Host:
    found = Host(web="1")
    found.shares_ports = shares_ports
    return found


FIRST = "update_config: {order: start-first}"


@pytest.mark.parametrize(
    ("deploy", "ports", "doubts"),
    [
        ("replicas: 2", "['80:80']", [Doubt.ONE_PUBLISHES]),
        (FIRST, "['80:80']", [Doubt.STOPS_FIRST]),
        (f"replicas: 2, {FIRST}", "['80:80']", [Doubt.ONE_PUBLISHES, Doubt.STOPS_FIRST]),
        ("replicas: 2", "['80']", []),
        ("replicas: 2", "['8000-8010:80']", []),
        ("replicas: 1", "['80:80']", []),
    ],
)
def test_where_ports_cannot_be_shared_that_is_said_before_anything_is_done(deploy, ports, doubts):
    assert [one.doubt for one in planned(host(shares_ports=False), text(deploy, ports=ports)).remarks] == doubts


@pytest.mark.parametrize(
    ("deploy", "ports", "is_shared"),
    [
        ("replicas: 2", "['80:80']", True),
        (FIRST, "['80:80', '81']", True),
        ("replicas: 1", "['80:80']", False),
        ("replicas: 2", "['80']", False),
        ("replicas: 2", "['8000-8010:80']", False),
    ],
)
def test_fixed_ports_of_several_containers_are_shared_where_that_can_be(deploy, ports, is_shared):
    found = planned(host(shares_ports=True), text(deploy, ports=ports))
    assert found.labels_of("a") == (GROUP if is_shared else {})
    assert found.remarks == ()


def test_what_shares_its_ports_is_kept_and_may_start_first():
    shared = applied(host(shares_ports=True), text(f"replicas: 2, {FIRST}"))
    assert planned(shared, text(f"replicas: 2, {FIRST}")).is_empty
    changed = planned(shared, text(f"replicas: 2, {FIRST}", user="2"))
    assert {(step.action, step.is_first_started, step.downtime) for step in changed.steps if step.number} == {
        (Action.REPLACE, True, False)
    }


def test_a_container_that_has_its_ports_for_itself_gives_way_once_and_sharing_stays():
    shared = applied(host(shares_ports=True), text("replicas: 1"))
    more = planned(shared, text("replicas: 3"))
    assert more.counts == {"replace": 1, "create": 2}
    (step,) = (step for step in more.steps if step.action is Action.REPLACE)
    assert (str(step.changes[0]), step.downtime) == ("label naru.shared-ports added: stack/a", True)
    applied(shared, text("replicas: 3"))
    assert planned(shared, text("replicas: 1")).counts == {"keep": 1, "remove": 2}


def test_labels_of_the_console_are_not_for_files():
    found = problem("services:\n  a: {image: x, labels: {naru.shared-ports: other/web}}")
    assert (found.mark.line, found.path) == (2, "services.a.labels")
    assert "console’s own" in found.message
    assert "console’s own" in problem("services: {a: {image: x, deploy: {labels: {naru.release: '1'}}}}").message


def test_an_image_by_its_id_is_had_whatever_its_name_means_by_now():
    moved = applied(host(shares_ports=False), text(""))
    old = moved.images["web"]
    moved.images["web"] = digest("2")
    moved.untagged.add(old)
    wanted = project(text("", user="2"))
    found = plan(wanted, moved.world(wanted, images=[old]), images={"a": old})
    assert found.images == {"a": f"sha256:{old}"}
    moved.apply(found, wanted)
    assert {one["Image"] for one in moved.containers.values()} == {f"sha256:{old}"}
    assert plan(wanted, moved.world(wanted, images=[old]), images={"a": old}).is_empty
    # without it the name counts again
    assert plan(wanted, moved.world(wanted)).counts == {"replace": 1}


def test_an_image_that_is_gone_is_taken_by_its_name_and_that_is_said():
    wanted = project(text(""))
    empty = host(shares_ports=False)
    found = plan(wanted, empty.world(wanted, images=["f" * 64]), images={"a": "f" * 64})
    assert (found.images, [one.doubt for one in found.remarks]) == ({}, [Doubt.OTHER_IMAGE])
