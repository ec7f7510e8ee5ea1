"""What of a plan puts single containers back, and nothing else."""

from typing import Any

import pytest

from console.operations.errors import Conflict
from console.stacks.planning.changes import Change
from console.stacks.planning.mending import Unwell, mending
from console.stacks.planning.plans import Action, Plan
from console.stacks.planning.steps import plan
from tests.fakes.compose_files import project
from tests.fakes.compose_host import Host

TEXT = """
services:
  web: {image: web, scale: 3, depends_on: {db: {condition: service_started, restart: true}}}
  db: {image: db, volumes: ["data:/data"]}
  other: {image: db}
volumes: {data: }
"""
WHY = Change("health", before="unhealthy", after="healthy")


@pytest.fixture
def host() -> Host:
    found, wanted = Host(web="1", db="1"), project(TEXT)
    found.apply(plan(wanted, found.world(wanted)), wanted)
    return found


def id_of(host: Host, name: str) -> str:
    return next(key for key, one in host.containers.items() if one["Name"] == f"/stack-{name}")


def mended(host: Host, *places: tuple[str, int, str], text: str = TEXT) -> Plan:
    wanted = project(text)
    unwell = [Unwell(service, number, engine_id, WHY) for service, number, engine_id in places]
    return mending(plan(wanted, host.world(wanted)), wanted, unwell)


def steps(found: Plan) -> list[tuple[Any, ...]]:
    return [(one.action.value, one.service, one.number) for one in found.steps]


def test_one_that_is_unwell_is_replaced_and_its_neighbours_stay(host: Host) -> None:
    found = mended(host, ("web", 2, id_of(host, "web-2")))
    assert steps(found) == [("replace", "web", 2)]
    assert found.steps[0].changes == (WHY,)


def test_one_that_is_missing_is_made(host: Host) -> None:
    del host.containers[id_of(host, "web-2")]
    assert steps(mended(host, ("web", 2, ""))) == [("create", "web", 2)]


def test_those_that_restart_with_it_do(host: Host) -> None:
    found = mended(host, ("db", 1, id_of(host, "db-1")))
    assert steps(found) == [("replace", "db", 1), *(("restart", "web", number) for number in (1, 2, 3))]


def test_one_that_is_another_by_now_stays(host: Host) -> None:
    assert steps(mended(host, ("web", 2, "0" * 64))) == []


def test_one_that_has_ended_is_not_started_again_but_replaced(host: Host) -> None:
    one = host.containers[id_of(host, "web-2")]
    one["State"] = {"Status": "exited", "ExitCode": 137}
    assert steps(mended(host, ("web", 2, one["Id"]))) == [("replace", "web", 2)]


def test_what_else_is_not_as_the_file_says_is_left(host: Host) -> None:
    """It is not what was asked for: drift has a policy of its own."""
    changed = TEXT.replace("other: {image: db}", "other: {image: db, user: root}")
    assert steps(mended(host, ("web", 1, id_of(host, "web-1")), text=changed)) == [("replace", "web", 1)]


def test_a_volume_that_is_gone_is_not_made_anew_and_empty(host: Host) -> None:
    del host.volumes["stack_data"]
    with pytest.raises(Conflict, match="stack_data is gone"):
        mended(host, ("db", 1, id_of(host, "db-1")))
    # of others it is not asked
    assert steps(mended(host, ("web", 1, id_of(host, "web-1")))) == [("replace", "web", 1)]


def test_a_network_that_is_gone_is_made(host: Host) -> None:
    host.networks.clear()
    found = mended(host, ("web", 1, id_of(host, "web-1")))
    assert (found.steps[0].action, found.steps[0].kind) == (Action.CREATE, "network")
