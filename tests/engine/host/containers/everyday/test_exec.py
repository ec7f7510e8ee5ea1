"""Programs run in running containers beside their own, by the docker command line and by the API alone."""

import hashlib
import json
import os
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engine.conftest import RunningEngine, running_engine, wait_until
from tests.engine.host.containers import exec_client as client
from tests.engine.host.containers.terminals import terminal

pytestmark = pytest.mark.host


def upper(engine: RunningEngine) -> Path:
    """The one container's writable layer."""
    (directory,) = (engine.data_root / "containers").iterdir()
    return directory / "upper"


def descriptors(engine: RunningEngine) -> int:
    assert engine.process is not None
    return len(os.listdir(f"/proc/{engine.process.pid}/fd"))


def resident_bytes(engine: RunningEngine) -> int:
    assert engine.process is not None
    return int(Path(f"/proc/{engine.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def runtimes(engine: RunningEngine) -> list[str]:
    """Command lines of runtimes that still hold an exec."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"--root={engine.run_root}" in words and " exec " in words:
            found.append(words)
    return found


def leftovers(engine: RunningEngine) -> list[str]:
    files = [str(path) for path in (engine.run_root / "containers").glob("*/exec-*")]
    return [*files, *runtimes(engine)]


def test_output_and_exit_code_are_the_programs(engine: RunningEngine, box: str) -> None:
    done = engine.docker("exec", box, "sh", "-c", "echo out; echo err >&2; exit 37", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (37, b"out\n", b"err\n")


def test_a_killed_program_has_128_and_the_signal(engine: RunningEngine, box: str) -> None:
    assert engine.docker("exec", box, "sh", "-c", "kill -9 $$", check=False).returncode == 137


def test_twenty_megabytes_go_in_and_out_unharmed(engine: RunningEngine, box: str) -> None:
    data = random.Random(1).randbytes(20_000_000)
    expected = hashlib.md5(data).hexdigest()
    assert engine.docker("exec", "-i", box, "md5sum", input=data).stdout.split()[0].decode() == expected
    assert hashlib.md5(engine.docker("exec", "-i", box, "cat", input=data).stdout).hexdigest() == expected


def test_the_end_of_input_leaves_the_output_open(engine: RunningEngine, box: str) -> None:
    exec_id = client.make(engine, box, "sh", "-c", "cat; echo end >&2; exit 3", AttachStdin=True)
    with client.begin(engine, exec_id) as stream:
        stream.sendall(b"some input")
        stream.shutdown(1)
        streams = client.unframed(client.read_rest(stream))
    assert streams == {1: b"some input", 2: b"end\n"}
    assert client.inspect(engine, exec_id)["ExitCode"] == 3


def test_clients_that_do_not_upgrade_are_served_as_well(engine: RunningEngine, box: str) -> None:
    exec_id = client.make(engine, box, "echo", "hello")
    with client.begin(engine, exec_id, upgrade=False) as stream:
        assert client.unframed(client.read_rest(stream))[1] == b"hello\n"


def test_a_program_without_input_reads_its_end(engine: RunningEngine, box: str) -> None:
    assert engine.docker("exec", box, "cat").stdout == b""


def test_user_directory_and_environment_are_as_asked(engine: RunningEngine, box: str) -> None:
    script = 'id -u; id -g; pwd; echo "$A $HOME"; echo reopened > /dev/stderr'
    done = engine.docker("exec", "-u", "1000:1001", "-w", "/tmp", "-e", "A=one two", box, "sh", "-c", script)
    assert done.stdout.decode().splitlines() == ["1000", "1001", "/tmp", "one two /"]
    assert done.stderr == b"reopened\n"


def test_what_is_not_asked_is_the_containers(engine: RunningEngine, image: str) -> None:
    wishes = ["--user", "7:8", "--workdir", "/var", "--env", "KEPT=1", "--env", "GONE=1", "--hostname", "inside"]
    engine.docker("run", "-d", "--name", "other", *wishes, image, "sleep", "1000")
    script = 'id -u; pwd; echo "$KEPT-$GONE-$(hostname)"'
    assert engine.out("exec", "other", "sh", "-c", script).splitlines() == ["7", "/var", "1-1-inside"]
    exec_id = client.make(engine, "other", "env", Env=["GONE"])
    with client.begin(engine, exec_id) as stream:
        names = [line.partition(b"=")[0] for line in client.unframed(client.read_rest(stream))[1].splitlines()]
    assert b"KEPT" in names
    assert b"GONE" not in names


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["no-such"], 127, 'exec: "no-such": executable file not found in $PATH'),
        (["/no/such"], 127, 'exec: "/no/such": stat /no/such: no such file or directory'),
        (["/etc"], 126, 'exec: "/etc": permission denied'),
        (["/etc/passwd"], 126, 'exec: "/etc/passwd": permission denied'),
        (["/text"], 126, 'exec: "/text": Exec format error'),
    ],
)
def test_a_program_that_cannot_run_is_told_as_docker_tells_it(
    engine: RunningEngine, box: str, argv: list[str], code: int, words: str
) -> None:
    text = upper(engine) / "text"
    text.write_text("not a program")
    text.chmod(0o755)
    done = engine.docker("exec", box, *argv, check=False)
    assert done.stdout.decode() == (
        f"OCI runtime exec failed: exec failed: unable to start container process: {words}: unknown\r\n"
    )
    assert (done.returncode, done.stderr) == (code, b"")
    wait_until(lambda: not leftovers(engine), what=str(leftovers(engine)))


def test_words_like_the_runtimes_own_are_passed_on(engine: RunningEngine, box: str) -> None:
    done = engine.docker("exec", box, "sh", "-c", "echo executive >&2; sleep 0.3; echo more >&2; exit 1", check=False)
    assert (done.returncode, done.stderr) == (1, b"executive\nmore\n")


def test_an_unknown_user_is_told(engine: RunningEngine, box: str) -> None:
    done = engine.docker("exec", "-u", "nobody-here", box, "true", check=False)
    assert done.returncode == 126
    assert b"unable to find user nobody-here: no matching entries in passwd file" in done.stdout


def test_a_detached_program_goes_on_alone(engine: RunningEngine, box: str) -> None:
    before = descriptors(engine)
    engine.docker("exec", "-d", box, "sh", "-c", "seq 100000; sleep 0.3; touch /made")
    wait_until((upper(engine) / "made").exists)
    wait_until(lambda: not leftovers(engine) and descriptors(engine) <= before)
    refused = engine.docker("exec", "-d", box, "no-such", check=False)
    assert b"executable file not found in $PATH" in refused.stderr


def test_a_container_that_does_not_run_is_a_conflict(engine: RunningEngine, box: str) -> None:
    exec_id = client.make(engine, box, "true")
    container_id = engine.out("inspect", "--format", "{{.Id}}", box)
    engine.docker("pause", box)
    status, answer = client.ask(engine, "POST", f"/exec/{exec_id}/start", {})
    assert (status, answer["message"]) == (409, f"Container {box} is paused, unpause the container before exec")
    engine.docker("unpause", box)
    engine.docker("stop", "-t", "0", box)
    stopped = (409, {"message": f"container {container_id} is not running"})
    assert client.ask(engine, "POST", f"/containers/{box}/exec", {"Cmd": ["true"]}) == stopped
    assert client.ask(engine, "POST", f"/exec/{exec_id}/start", {}) == stopped
    assert client.inspect(engine, exec_id)["ExitCode"] is None
    engine.docker("rm", box)
    assert client.ask(engine, "GET", f"/exec/{exec_id}/json")[0] == 404


def test_what_is_wrong_is_refused_by_name(engine: RunningEngine, box: str) -> None:
    unknown = (404, {"message": "No such exec instance: nope"})
    assert client.ask(engine, "GET", "/exec/nope/json") == unknown
    assert client.ask(engine, "POST", "/exec/nope/start", {}) == unknown
    assert client.ask(engine, "POST", "/exec/nope/resize?h=1&w=1") == unknown
    assert client.ask(engine, "POST", "/containers/nope/exec", {"Cmd": ["true"]})[0] == 404
    assert client.ask(engine, "POST", f"/containers/{box}/exec", {}) == (400, {"message": "No exec command specified"})
    assert client.ask(engine, "POST", f"/containers/{box}/exec", {"Cmd": ["true"], "DetachKeys": "ctrl-!"})[0] == 400
    exec_id = client.make(engine, box, "true")
    assert client.ask(engine, "POST", f"/exec/{exec_id}/start", {"Detach": True}) == (200, None)
    assert client.ask(engine, "POST", f"/exec/{exec_id}/start", {})[0] == 409


def test_an_exec_shows_how_it_is(engine: RunningEngine, box: str) -> None:
    exec_id = client.make(engine, box, "sh", "-c", "read line; exit 4", AttachStdin=True, User="0")
    assert json.loads(engine.out("inspect", "--format", "{{json .ExecIDs}}", box)) == [exec_id]
    shown = client.inspect(engine, exec_id)
    assert (shown["Running"], shown["ExitCode"], shown["Pid"]) == (False, None, 0)
    with client.begin(engine, exec_id) as stream:
        wait_until(lambda: client.inspect(engine, exec_id)["Pid"])
        shown = client.inspect(engine, exec_id)
        assert (shown["Running"], shown["ExitCode"]) == (True, None)
        assert b"read line" in Path(f"/proc/{shown['Pid']}/cmdline").read_bytes()
        stream.sendall(b"\n")
        client.read_rest(stream)
    shown = client.inspect(engine, exec_id)
    assert (shown["Running"], shown["ExitCode"], shown["OpenStdin"]) == (False, 4, True)
    assert shown["ProcessConfig"] == {
        "tty": False,
        "entrypoint": "sh",
        "arguments": ["-c", "read line; exit 4"],
        "privileged": False,
        "user": "0",
    }
    assert json.loads(engine.out("inspect", "--format", "{{json .ExecIDs}}", box)) is None


def test_the_exit_code_is_known_when_the_stream_ends(engine: RunningEngine, box: str) -> None:
    for number in range(30):
        exec_id = client.make(engine, box, "sh", "-c", f"echo {number}; exit {number}", Tty=number % 2 == 1)
        with client.begin(engine, exec_id, Tty=True) as stream:
            assert client.read_rest(stream).strip() == b"%d" % number
        assert client.inspect(engine, exec_id)["ExitCode"] == number


def test_events_tell_an_execs_life(engine: RunningEngine, box: str) -> None:
    since = str(time.time())
    exec_id = client.make(engine, box, "sh", "-c", "exit 6")
    with client.begin(engine, exec_id) as stream:
        client.read_rest(stream)
    lines = engine.out("events", "--since", since, "--until", str(time.time() + 1), "--format", "{{json .}}")
    events = [json.loads(line) for line in lines.splitlines()]
    assert [event["Action"] for event in events] == [
        "exec_create: sh -c exit 6",
        "exec_start: sh -c exit 6",
        "exec_die",
    ]
    assert {event["Actor"]["Attributes"]["execID"] for event in events} == {exec_id}
    assert events[-1]["Actor"]["Attributes"]["exitCode"] == "6"
    assert events[-1]["Actor"]["Attributes"]["name"] == box


def test_a_program_outlives_its_client(engine: RunningEngine, box: str) -> None:
    before = descriptors(engine)
    script = "while read line; do :; done; seq 100000; seq 100000 >&2; touch /made; exit 9"
    exec_id = client.make(engine, box, "sh", "-c", script, AttachStdin=True)
    client.begin(engine, exec_id).close()
    wait_until((upper(engine) / "made").exists)
    wait_until(lambda: client.inspect(engine, exec_id)["ExitCode"] == 9)
    wait_until(lambda: not leftovers(engine) and descriptors(engine) <= before)


def test_a_client_that_does_not_read_costs_no_memory_and_loses_nothing(engine: RunningEngine, box: str) -> None:
    exec_id = client.make(engine, box, "dd", "if=/dev/zero", "bs=1M", "count=100", AttachStderr=False)
    before = resident_bytes(engine)
    with client.begin(engine, exec_id, Tty=True) as stream:
        time.sleep(1)  # long enough for all of it, if nothing held it up
        assert client.inspect(engine, exec_id)["Running"] is True
        assert resident_bytes(engine) - before < 20 << 20
        assert len(client.read_rest(stream)) == 100 << 20
    assert client.inspect(engine, exec_id)["ExitCode"] == 0


def test_a_program_held_up_goes_on_when_its_client_leaves(engine: RunningEngine, box: str) -> None:
    exec_id = client.make(engine, box, "dd", "if=/dev/zero", "bs=1M", "count=100")
    with client.begin(engine, exec_id):
        wait_until(lambda: client.inspect(engine, exec_id)["Running"])
    wait_until(lambda: client.inspect(engine, exec_id)["ExitCode"] == 0)


def test_what_a_program_leaves_in_the_background_does_not_hold_its_client(engine: RunningEngine, box: str) -> None:
    began = time.monotonic()
    assert engine.out("exec", box, "sh", "-c", "sleep 1000 & echo done") == "done"
    assert time.monotonic() - began < 8
    assert "sleep 1000" in engine.out("top", box)


def test_twenty_at_once_leave_nothing(engine: RunningEngine, box: str) -> None:
    def run(number: int) -> tuple[int, bytes]:
        done = engine.docker("exec", box, "sh", "-c", f"echo {number}; exit {number}", check=False)
        return done.returncode, done.stdout

    before = descriptors(engine)
    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(run, range(20))) == [(number, b"%d\n" % number) for number in range(20)]
    wait_until(lambda: not leftovers(engine) and descriptors(engine) <= before, what=str(leftovers(engine)))


def test_execs_end_with_their_container(engine: RunningEngine, box: str) -> None:
    exec_id = client.make(engine, box, "sleep", "1000")
    with client.begin(engine, exec_id) as stream:
        wait_until(lambda: client.inspect(engine, exec_id)["Pid"])
        engine.docker("kill", box)
        client.read_rest(stream)
    assert client.inspect(engine, exec_id)["ExitCode"] == 137
    wait_until(lambda: not leftovers(engine), what=str(leftovers(engine)))
    engine.docker("rm", box)
    wait_until(lambda: not engine.leftovers(), what=str(engine.leftovers()))


def confinement(engine: RunningEngine, *arguments: str) -> dict[str, str]:
    lines = engine.out("exec", *arguments, "cat", "/proc/self/status").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: fields[name].strip() for name in ("CapEff", "CapBnd", "Seccomp", "NoNewPrivs")}


def test_an_exec_is_confined_as_its_container_is(engine: RunningEngine, image: str) -> None:
    wishes = ["--cap-drop", "ALL", "--cap-add", "CHOWN", "--security-opt", "no-new-privileges"]
    engine.docker("run", "-d", "--name", "other", *wishes, image, "sleep", "1000")
    only_chown = "0000000000000001"
    assert confinement(engine, "other") == {
        "CapEff": only_chown,
        "CapBnd": only_chown,
        "Seccomp": "2",
        "NoNewPrivs": "1",
    }
    privileged = confinement(engine, "--privileged", "other")
    ours = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())["CapBnd"].strip()
    assert (privileged["CapEff"], privileged["Seccomp"]) == (ours, "2")


def test_streams_do_not_change_the_hosts_null_device(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "-d", "--name", "other", "--privileged", image, "sleep", "1000")
    before = os.stat("/dev/null")
    for options in ([], ["-d"], ["-t"], ["-i"]):
        engine.docker("exec", *options, "-u", "1234", "other", "true")
    after = os.stat("/dev/null")
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)


def test_an_engine_that_starts_anew_runs_execs_in_old_containers(engine: RunningEngine, box: str) -> None:
    exec_id = client.make(engine, box, "true")
    engine.stop()
    engine.start()
    assert client.ask(engine, "GET", f"/exec/{exec_id}/json")[0] == 404
    assert engine.out("exec", box, "echo", "here") == "here"


def test_an_engine_stops_at_once_whatever_runs(engine: RunningEngine, box: str) -> None:
    exec_id = client.make(engine, box, "sleep", "1000")
    with client.begin(engine, exec_id):
        wait_until(lambda: client.inspect(engine, exec_id)["Pid"])
        began = time.monotonic()
        assert engine.stop() == 0
    assert time.monotonic() - began < 5
    engine.start()


@pytest.mark.skipif(shutil.which("runc") is None, reason="runc is not installed")
def test_runc_runs_execs_too(busybox_tar: bytes) -> None:
    with running_engine("--runtime", "runc") as engine:
        engine.docker("import", "-", "bb:1", input=busybox_tar)
        engine.docker("run", "-d", "--name", "box", "bb:1", "sleep", "1000")
        done = engine.docker("exec", "-i", "box", "sh", "-c", "cat; echo err >&2; exit 3", input=b"in", check=False)
        assert (done.returncode, done.stdout, done.stderr) == (3, b"in", b"err\n")
        missing = engine.docker("exec", "box", "no-such", check=False)
        assert (missing.returncode, missing.stderr) == (127, b"")
        assert b'exec: "no-such": executable file not found in $PATH' in missing.stdout
        with terminal(engine, "exec", "-it", "box", "sh", rows=33, columns=77) as screen:
            screen.type(b"stty size; exit 5\n")
            wait_until(lambda: screen.shows(b"33 77\r\n"), what="the terminal's size")
            assert screen.process.wait(10) == 5
