"""Containers that end are started again as their policy says, and not when somebody wanted them to end."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.client import Client
from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def shared(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield engine


def state(engine: RunningEngine, name: str) -> dict[str, Any]:
    (document,) = json.loads(engine.out("inspect", name))
    return {**document["State"], "RestartCount": document["RestartCount"]}


def run(engine: RunningEngine, name: str, policy: str, script: str) -> str:
    return engine.out("run", "-d", "--name", name, "--restart", policy, IMAGE, "sh", "-c", script)


def status(engine: RunningEngine, name: str) -> str:
    return str(state(engine, name)["Status"])


def events(engine: RunningEngine, name: str) -> list[str]:
    filters = quote(json.dumps({"container": [name]}))
    answer = Client(engine.socket).ask("GET", f"/events?since=0&until={time.time()}&filters={filters}")
    return [line["Action"] for line in answer.lines]


def test_on_failure_tries_as_often_as_it_says_and_keeps_the_code(shared: RunningEngine) -> None:
    run(shared, "failing", "on-failure:2", "exit 3")
    wait_until(lambda: status(shared, "failing") == "exited")
    ended = state(shared, "failing")
    assert (ended["ExitCode"], ended["RestartCount"], ended["Running"]) == (3, 2, False)
    told = events(shared, "failing")
    assert (told.count("start"), told.count("die")) == (3, 3)


def test_on_failure_leaves_a_success_alone(shared: RunningEngine) -> None:
    run(shared, "succeeding", "on-failure", "exit 0")
    assert shared.out("wait", "succeeding") == "0"
    wait_until(lambda: status(shared, "succeeding") == "exited")
    assert state(shared, "succeeding")["RestartCount"] == 0


def test_always_starts_again_until_it_is_stopped(shared: RunningEngine) -> None:
    run(shared, "steady", "always", "echo up; sleep 0.1")
    wait_until(lambda: state(shared, "steady")["RestartCount"] >= 2)
    assert state(shared, "steady")["Running"] is True
    shared.docker("stop", "-t", "0", "steady")
    stopped = state(shared, "steady")
    assert (stopped["Status"], stopped["Running"], stopped["Restarting"]) == ("exited", False, False)
    assert shared.out("logs", "steady").splitlines().count("up") == events(shared, "steady").count("start") >= 2


def test_a_killed_container_stays_down_whatever_its_policy(shared: RunningEngine) -> None:
    run(shared, "killed", "always", "sleep 1000")
    shared.docker("kill", "killed")
    wait_until(lambda: status(shared, "killed") == "exited")
    assert state(shared, "killed")["ExitCode"] == 137


def test_a_signal_that_is_no_stop_leaves_the_policy_in_force(shared: RunningEngine) -> None:
    run(shared, "reloaded", "always", "trap 'exit 5' HUP; sleep 1000 & wait")
    shared.docker("kill", "--signal", "HUP", "reloaded")
    wait_until(lambda: state(shared, "reloaded")["RestartCount"] == 1 and status(shared, "reloaded") == "running")
    shared.docker("rm", "-f", "reloaded")


def test_starting_a_stopped_container_puts_its_policy_in_force_again(shared: RunningEngine) -> None:
    run(shared, "again", "always", "sleep 0.2")
    shared.docker("stop", "-t", "0", "again")
    shared.docker("start", "again")
    wait_until(lambda: state(shared, "again")["RestartCount"] >= 1)
    shared.docker("rm", "-f", "again")


def waiting_for_restart(engine: RunningEngine, name: str) -> None:
    """After a few quick ends its pauses are long enough to act within one."""
    run(engine, name, "always", "exit 1")
    wait_until(lambda: state(engine, name)["RestartCount"] >= 4 and status(engine, name) == "restarting")


def test_what_waits_for_its_restart_can_be_stopped(shared: RunningEngine) -> None:
    waiting_for_restart(shared, "waiting")
    assert "Restarting (1)" in shared.out("ps", "--filter", "name=waiting", "--format", "{{.Status}}")
    assert shared.docker("exec", "waiting", "true", check=False).stderr.decode().count("is restarting") == 1
    shared.docker("stop", "waiting")
    assert status(shared, "waiting") == "exited"
    count = state(shared, "waiting")["RestartCount"]
    shared.docker("start", "waiting")
    wait_until(lambda: state(shared, "waiting")["RestartCount"] < count, what="a start by hand counts anew")
    shared.docker("rm", "-f", "waiting")


def test_what_waits_for_its_restart_stays_down_when_its_policy_is_taken_away(shared: RunningEngine) -> None:
    waiting_for_restart(shared, "freed")
    shared.docker("update", "--restart", "no", "freed")
    ended = state(shared, "freed")
    assert (ended["Status"], ended["Running"]) == ("exited", False)
    assert shared.out("wait", "freed") == "1"


def test_what_waits_for_its_restart_is_removed_only_by_force(shared: RunningEngine) -> None:
    waiting_for_restart(shared, "removed")
    refused = shared.docker("rm", "removed", check=False)
    assert refused.returncode == 1
    assert "stop the container before removing or force remove" in refused.stderr.decode()
    shared.docker("rm", "-f", "removed")
    assert shared.docker("inspect", "removed", check=False).returncode == 1


def test_a_wait_ends_with_the_run_and_not_with_the_last_of_them(shared: RunningEngine) -> None:
    run(shared, "waited", "always", "sleep 0.3; exit 9")
    assert shared.out("wait", "waited") == "9"
    shared.docker("rm", "-f", "waited")


def test_a_program_that_is_gone_ends_the_restarting_and_says_why(shared: RunningEngine) -> None:
    script = "sleep 0.3; rm -f /bin/sh /bin/busybox"
    shared.docker("run", "-d", "--name", "broken", "--restart", "always", IMAGE, "sh", "-c", script)
    wait_until(lambda: status(shared, "broken") == "exited")
    ended = state(shared, "broken")
    assert ended["ExitCode"] == 127
    assert "sh" in ended["Error"]


def test_removal_after_the_end_and_restarting_exclude_each_other(shared: RunningEngine) -> None:
    body = {"Image": IMAGE, "HostConfig": {"AutoRemove": True, "RestartPolicy": {"Name": "always"}}}
    answer = _create(shared, body)
    assert answer[0] == 400
    assert "AutoRemove" in answer[1]


@pytest.mark.parametrize("policy", [{"Name": "never"}, {"Name": "always", "MaximumRetryCount": 2}])
def test_a_policy_that_does_not_exist_is_refused_by_name(shared: RunningEngine, policy: dict[str, Any]) -> None:
    answer = _create(shared, {"Image": IMAGE, "Cmd": ["true"], "HostConfig": {"RestartPolicy": policy}})
    assert answer[0] == 400
    assert "RestartPolicy" in answer[1]


def _create(engine: RunningEngine, body: dict[str, Any]) -> tuple[int, str]:
    answer = Client(engine.socket).ask("POST", "/containers/create", body)
    return answer.status, answer.json["message"]


# -- the engine dies


def ended_unseen(engine: RunningEngine, name: str) -> None:
    """Its program ends while no engine runs."""
    document = json.loads(engine.out("inspect", name))[0]
    engine.kill()
    os.kill(document["State"]["Pid"], 9)
    wait_until(Path(engine.run_root / "exits" / document["Id"]).exists)
    engine.start()


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure"])
def test_what_ended_while_no_engine_ran_is_started_by_the_next(shared: RunningEngine, policy: str) -> None:
    name = f"unseen-{policy}"
    run(shared, name, policy, "sleep 1000")
    ended_unseen(shared, name)
    wait_until(lambda: status(shared, name) == "running")
    assert state(shared, name)["RestartCount"] == 1
    shared.docker("rm", "-f", name)


def test_a_next_engine_starts_what_is_to_be_up_and_leaves_what_was_stopped(shared: RunningEngine) -> None:
    for name, policy in (("up", "always"), ("down", "unless-stopped"), ("never", "no")):
        run(shared, name, policy, "sleep 1000")
        shared.docker("stop", "-t", "0", name)
    shared.docker("create", "--name", "unused", "--restart", "always", IMAGE, "sleep", "1000")
    shared.kill()
    shared.start()
    wait_until(lambda: status(shared, "up") == "running")
    assert [status(shared, name) for name in ("down", "never", "unused")] == ["exited", "exited", "created"]
    shared.docker("rm", "-f", "up", "down", "never", "unused")


def test_waiting_for_a_restart_goes_on_with_the_next_engine(shared: RunningEngine) -> None:
    waiting_for_restart(shared, "patient")
    count = state(shared, "patient")["RestartCount"]
    shared.kill()
    shared.start()
    wait_until(lambda: state(shared, "patient")["RestartCount"] > count)
    shared.docker("rm", "-f", "patient")


def test_a_stop_that_an_engine_did_not_live_to_see_is_remembered(shared: RunningEngine) -> None:
    run(shared, "halfway", "always", "trap '' TERM; touch /ready; while :; do sleep 0.1; done")
    wait_until(lambda: shared.docker("exec", "halfway", "test", "-e", "/ready", check=False).returncode == 0)
    stopping = shared.popen("stop", "-t", "30", "halfway")
    wait_until(lambda: "kill" in events(shared, "halfway"), limit_s=20)
    ended_unseen(shared, "halfway")
    stopping.communicate()
    # "always" is started by a new engine, but as one that was stopped: its count of restarts begins anew
    wait_until(lambda: status(shared, "halfway") == "running")
    assert state(shared, "halfway")["RestartCount"] == 0
    shared.docker("rm", "-f", "halfway")
