"""Which host a project goes to, as a table: what it says of nodes, what hosts are, and what comes of both."""

from dataclasses import replace

import pytest

from console.stacks.compose.loading import Request, load
from console.stacks.compose.model import Project
from console.stacks.planning.placing import Candidate, ranked, reserved_by

GIB = 1 << 30
BIG = Candidate("big", {"zone": "east", "disk": "ssd"}, "linux", "x86_64", 8, 16 * GIB, 6, 8 * GIB, 3)
SMALL = Candidate("small", {"zone": "west"}, "linux", "x86_64", 2, 2 * GIB, 1, GIB, 1)
ARM = Candidate("arm", {}, "linux", "aarch64", 4, 8 * GIB, 4, 8 * GIB, 0)
ALL = (SMALL, BIG, ARM)


def project(deploy: str, *, more: str = "", service: str = "web") -> Project:
    text = f"services: {{{service}: {{image: x, deploy: {{{deploy}}}{more}}}}}"
    return load(Request("/srv/x"), {"/srv/x/compose.yaml": text}.get).project


def fitting(wanted: Project, *hosts: Candidate) -> list[str]:
    return [one.host.name for one in ranked(wanted, hosts or ALL) if one.fits]


def reasons(wanted: Project, host: Candidate) -> tuple[str, ...]:
    return ranked(wanted, [host])[0].reasons


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("node.labels.zone == east", {"big"}),
        ("node.labels.zone==east", {"big"}),
        ("node.labels.zone != east", {"small", "arm"}),
        ("engine.labels.disk == ssd", {"big"}),
        ("node.labels.none == x", set()),
        ("node.labels.none != x", {"big", "small", "arm"}),
        ("node.hostname == small", {"small"}),
        ("node.hostname != small", {"big", "arm"}),
        ("node.platform.os == linux", {"big", "small", "arm"}),
        ("node.platform.os == windows", set()),
        ("node.platform.arch == amd64", {"big", "small"}),
        ("node.platform.arch == x86_64", {"big", "small"}),
        ("node.platform.arch != arm64", {"big", "small"}),
        # what is not understood must not be taken for yes
        ("node.role == manager", set()),
        ("zone == east", set()),
        ("node.labels.zone = east", set()),
    ],
)
def test_constraints(constraint: str, expected: set[str]) -> None:
    assert set(fitting(project(f'placement: {{constraints: ["{constraint}"]}}'))) == expected


@pytest.mark.parametrize(
    ("reservation", "replicas", "expected"),
    [
        ("cpus: '1'", 1, {"big", "small", "arm"}),
        ("cpus: '1'", 2, {"big", "arm"}),
        ("cpus: '1'", 5, {"big"}),
        ("cpus: '1'", 7, set()),
        ("memory: 1g", 1, {"big", "small", "arm"}),
        ("memory: 1g", 2, {"big", "arm"}),
        ("memory: 9g", 1, set()),
    ],
)
def test_what_is_reserved_has_to_be_free(reservation: str, replicas: int, expected: set[str]) -> None:
    wanted = project(f"replicas: {replicas}, resources: {{reservations: {{{reservation}}}}}")
    assert set(fitting(wanted)) == expected


def test_all_services_are_added_up() -> None:
    text = """\
services:
  a: {image: x, deploy: {replicas: 2, resources: {reservations: {cpus: '0.5', memory: 512m}}}}
  b: {image: x, mem_reservation: 1g}
"""
    wanted = load(Request("/srv/x"), {"/srv/x/compose.yaml": text}.get).project
    assert (reserved_by(wanted).cpus, reserved_by(wanted).memory_bytes) == (1.0, 2 * GIB)


def test_what_leaves_most_comes_first_then_the_emptier_then_the_name() -> None:
    assert [one.host.name for one in ranked(project("replicas: 1"), ALL)] == ["arm", "small", "big"]
    twins = [replace(BIG, name=name, running=running) for name, running in (("c", 1), ("b", 0), ("a", 1))]
    assert fitting(project("replicas: 1"), *twins) == ["b", "a", "c"]
    # memory that is short counts as much as processors that are
    tight = replace(ARM, name="tight", free_memory_bytes=GIB)
    assert fitting(project("replicas: 1"), tight, BIG) == ["big", "tight"]


def test_each_reason_is_told() -> None:
    wanted = project(
        'replicas: 3, placement: {constraints: ["node.labels.zone == east"], max_replicas_per_node: 2}, '
        "resources: {reservations: {cpus: '2', memory: 4g}}",
        more=", platform: linux/arm64",
    )
    host = replace(SMALL, is_stale=True, refusal="not yours")
    assert reasons(wanted, host) == (
        "not yours",
        "It was not seen lately.",
        "web: node.labels.zone == east",
        "web: at most 2 of them may be on one host.",
        "web: it is for linux/arm64.",
        "Processors: 6 reserved, 1.0 free.",
        "Memory: 12288 MiB reserved, 1024 MiB free.",
    )
    assert reasons(project("replicas: 1", more=", platform: linux/arm64/v8"), ARM) == ()


def test_preferences_mean_nothing_on_one_host() -> None:
    assert len(fitting(project("placement: {preferences: [{spread: node.labels.zone}]}"))) == 3


def test_a_host_of_which_nothing_is_known_takes_what_reserves_nothing() -> None:
    unknown = Candidate("new")
    assert fitting(project("replicas: 1"), unknown, SMALL) == ["small", "new"]
    assert fitting(project("resources: {reservations: {cpus: '0.1'}}"), unknown) == []
