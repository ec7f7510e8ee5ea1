"""Health checks: run in containers as their own programs are, told to whoever asks, and gone with their containers."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until
from tests.engine.host.containers import exec_client as client

pytestmark = pytest.mark.host

QUICKLY = ("--health-interval", "100ms", "--health-retries", "2")
LIVE = "touch /ok; exec sleep 1000"


@pytest.fixture(scope="module")
def shared(busybox_tar: bytes) -> Iterator[RunningEngine]:
    """One engine for all tests here that leave it alive."""
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield engine


@pytest.fixture
def alive(shared: RunningEngine) -> Iterator[RunningEngine]:
    yield shared
    if names := shared.out("ps", "-aq").split():
        shared.docker("rm", "-f", *names)


def run(engine: RunningEngine, check: str, *options: str, name: str = "box", script: str = LIVE) -> None:
    engine.docker("run", "-d", "--name", name, *QUICKLY, "--health-cmd", check, *options, IMAGE, "sh", "-c", script)


def health(engine: RunningEngine, name: str = "box") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.out("inspect", "--format", "{{json .State.Health}}", name))
    return found


def wait_for(engine: RunningEngine, status: str, name: str = "box") -> None:
    wait_until(lambda: health(engine, name)["Status"] == status, what=f"{status}, but {health(engine, name)}")


def last(engine: RunningEngine, name: str = "box") -> dict[str, Any]:
    """The latest probe; waits for the first."""
    wait_until(lambda: health(engine, name)["Log"], what="a probe")
    probe: dict[str, Any] = health(engine, name)["Log"][-1]
    return probe


def events(engine: RunningEngine, *, shape: str = "{{.Action}}") -> list[str]:
    """What was told of the container so far."""
    wanted = f"container={engine.out('inspect', '--format', '{{.Id}}', 'box')}"
    until = f"{time.time():.3f}"
    return engine.out("events", "--since", "1", "--until", until, "--format", shape, "--filter", wanted).splitlines()


def processes_of(engine: RunningEngine, name: str = "box") -> list[str]:
    """Command lines of what runs in a container."""
    return [line.split(maxsplit=1)[1] for line in engine.out("top", name, "-eo", "pid,args").splitlines()[1:]]


def test_a_container_is_healthy_until_it_is_not_and_again(alive: RunningEngine) -> None:
    run(alive, "cat /ok && echo fine")
    wait_for(alive, "healthy")
    assert last(alive) | {"Start": "", "End": ""} == {"Start": "", "End": "", "ExitCode": 0, "Output": "fine\n"}
    assert alive.out("ps", "--filter", "health=healthy", "--format", "{{.Status}}").endswith("(healthy)")
    alive.docker("exec", "box", "rm", "/ok")
    wait_for(alive, "unhealthy")
    assert health(alive)["FailingStreak"] >= 2
    assert last(alive)["ExitCode"] == 1
    assert "can't open '/ok'" in last(alive)["Output"]
    assert alive.out("ps", "--filter", "health=unhealthy", "--format", "{{.Status}}").endswith("(unhealthy)")
    assert alive.out("ps", "-q", "--filter", "health=none", "--filter", "health=healthy") == ""
    alive.docker("exec", "box", "touch", "/ok")
    wait_for(alive, "healthy")
    assert health(alive)["FailingStreak"] == 0
    assert [action for action in events(alive) if action.startswith("health_status")] == [
        "health_status: healthy",
        "health_status: unhealthy",
        "health_status: healthy",
    ]


def test_probes_are_told_as_execs_and_then_forgotten(alive: RunningEngine) -> None:
    run(alive, "true")
    wait_until(lambda: len(health(alive)["Log"]) == 5)
    told = [action for action in events(alive) if action.startswith("exec")]
    assert told[:3] == ["exec_create: /bin/sh -c true", "exec_start: /bin/sh -c true", "exec_die"]
    (exec_id, *_) = "".join(events(alive, shape="{{.Actor.Attributes.execID}} ")).split()
    assert client.ask(alive, "GET", f"/exec/{exec_id}/json")[0] == 404
    wait_until(lambda: alive.out("inspect", "--format", "{{json .ExecIDs}}", "box") == "null")


def test_failures_in_the_start_period_do_not_count(alive: RunningEngine) -> None:
    run(alive, "false", "--health-start-period", "60s", "--health-start-interval", "50ms", "--health-interval", "1h")
    wait_until(lambda: len(health(alive)["Log"]) == 5)
    assert (health(alive)["Status"], health(alive)["FailingStreak"]) == ("starting", 0)
    assert alive.out("ps", "--filter", "health=starting", "--format", "{{.Status}}").endswith("(health: starting)")


def test_a_probe_that_hangs_is_killed_with_all_it_started(alive: RunningEngine) -> None:
    hang = "echo begun; sleep 7001 & (sleep 7002 &) ; sleep 7003"
    run(alive, hang, "--health-timeout", "200ms")
    wait_for(alive, "unhealthy")
    assert last(alive)["ExitCode"] == -1
    assert last(alive)["Output"] == "Health check exceeded timeout (200ms): begun\n"
    alive.docker("pause", "box")  # no more probes begin, and the one under way is killed
    alive.docker("unpause", "box")
    hanging = [line for line in processes_of(alive) if line.startswith("sleep 700")]
    assert len(hanging) == len(set(hanging)), "of one probe at most"


def test_what_cannot_be_run_says_why(alive: RunningEngine) -> None:
    body = {"Image": IMAGE, "Cmd": ["sleep", "1000"], "Healthcheck": {"Test": ["CMD", "/nosuch"], "Interval": 10**8}}
    assert client.ask(alive, "POST", "/containers/create?name=box", body)[0] == 201
    alive.docker("start", "box")
    probe = last(alive)
    assert probe["ExitCode"] == -1
    assert 'exec: "/nosuch": stat /nosuch: no such file or directory' in probe["Output"]
    wait_for(alive, "unhealthy")


def test_output_is_cut_short_and_may_be_no_text(alive: RunningEngine) -> None:
    run(alive, "printf '\\377x'; yes | head -c 100000 >&2")
    output = last(alive)["Output"]
    assert output.startswith("\ufffdxy\ny\n")
    assert output.endswith("...")
    assert len(output) == 4096 + 3


def test_a_probe_runs_as_the_container_does(alive: RunningEngine) -> None:
    options = ("--user", "7:8", "--env", "ANSWER=42", "--workdir", "/tmp")
    run(alive, "id -u; id -g; echo $ANSWER; pwd; cat; echo $0", *options, script="sleep 1000")
    assert last(alive)["Output"].split() == ["7", "8", "42", "/tmp", "/bin/sh"]


def test_a_paused_container_is_not_probed(alive: RunningEngine) -> None:
    run(alive, "true")
    wait_for(alive, "healthy")
    alive.docker("pause", "box")
    assert alive.out("ps", "--format", "{{.Status}}").endswith("(Paused)")
    before = health(alive)["Log"]
    time.sleep(0.5)  # the time in which five probes would run is the point
    assert health(alive)["Log"] == before
    alive.docker("unpause", "box")
    wait_for(alive, "healthy")
    assert health(alive)["Log"] != before


def test_a_probe_that_a_pause_interrupts_does_not_count(alive: RunningEngine) -> None:
    run(alive, "sleep 7100", "--health-timeout", "1s")
    wait_until(lambda: any("sleep 7100" in line for line in processes_of(alive)))
    alive.docker("pause", "box")
    time.sleep(1.2)  # longer than its limit
    assert health(alive)["Log"] == []
    alive.docker("unpause", "box")
    wait_until(lambda: len(health(alive)["Log"]) == 1)
    assert health(alive)["FailingStreak"] == 1


def test_the_end_of_a_container_ends_its_probes(alive: RunningEngine) -> None:
    run(alive, "sleep 7200")
    wait_until(lambda: any("sleep 7200" in line for line in processes_of(alive)))
    alive.docker("kill", "box")
    assert health(alive) == {"Status": "unhealthy", "FailingStreak": 0, "Log": []}
    told = events(alive)
    time.sleep(0.3)  # the time in which more probes would run is the point
    assert [action for action in events(alive)[len(told) :] if action.startswith("exec_create")] == []
    alive.docker("rm", "box")
    wait_until(lambda: not alive.leftovers(), what=str(alive.leftovers()))


def test_a_restart_begins_anew(alive: RunningEngine) -> None:
    run(alive, "true", "--health-interval", "300ms")
    wait_for(alive, "healthy")
    alive.docker("restart", "-t", "0", "box")
    assert (health(alive)["Status"], health(alive)["FailingStreak"]) == ("starting", 0)
    wait_for(alive, "healthy")


def test_an_image_s_check_is_run_unless_it_is_refused(alive: RunningEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    dockerfile = f'FROM {IMAGE}\nSHELL ["/bin/ash", "-ec"]\nHEALTHCHECK --interval=100ms CMD echo $0; false; true\n'
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    alive.docker("build", "-t", "checked", "-", input=dockerfile.encode())
    alive.docker("run", "-d", "--name", "box", "checked", "sleep", "1000")
    assert last(alive) | {"Start": "", "End": ""} == {"Start": "", "End": "", "ExitCode": 1, "Output": "/bin/ash\n"}
    for options in (["--no-healthcheck"], []):
        name = "refused" if options else "plain"
        alive.docker("run", "-d", "--name", name, *options, "checked" if options else IMAGE, "sleep", "1000")
        assert health(alive, name) is None
    assert set(alive.out("ps", "--filter", "health=none", "--format", "{{.Names}}").split()) == {"refused", "plain"}


def test_a_probe_that_changes_nothing_is_not_written_to_disk(alive: RunningEngine) -> None:
    run(alive, "true")
    wait_for(alive, "healthy")
    files = [alive.data_root / "state.db", alive.data_root / "state.db-wal"]
    before = [(path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    first = last(alive)
    wait_until(lambda: first not in health(alive)["Log"], what="five more probes")
    assert [(path.stat().st_size, path.stat().st_mtime_ns) for path in files] == before


def test_a_killed_engine_s_next_knows_the_health_and_goes_on(alive: RunningEngine) -> None:
    run(alive, "cat /ok")
    run(alive, "false", "--health-start-period", "1h", "--health-start-interval", "100ms", name="young")
    wait_for(alive, "healthy")
    alive.kill()
    alive.start()
    assert health(alive)["Status"] == "healthy"
    assert health(alive, "young")["Status"] == "starting"
    alive.docker("exec", "box", "rm", "/ok")
    wait_for(alive, "unhealthy")
    assert last(alive, "young")["ExitCode"] == 1
    assert health(alive, "young")["Status"] == "starting"


def test_a_stopped_engine_leaves_no_probe_behind(alive: RunningEngine) -> None:
    run(alive, "sleep 7300")
    wait_until(lambda: any("sleep 7300" in line for line in processes_of(alive)))
    alive.stop()
    assert not [path for path in Path("/proc").glob("[0-9]*") if b"7300" in _command_line(path)]
    alive.start()
    assert alive.out("ps", "--format", "{{.Names}}") == "box"


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
