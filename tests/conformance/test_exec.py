"""Programs run beside a container's own: both engines are asked the same and answer the same."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.client import Client, until
from tests.conformance.normal import differences, normal

pytestmark = [pytest.mark.conformance, pytest.mark.host]

HOST = "exec-host"


@pytest.fixture(scope="module", autouse=True)
def host(ours: Client, dockers: Client) -> Iterator[None]:
    for client in (ours, dockers):
        body = {"Cmd": ["sleep", "600"], "Env": ["OWN=1"], "WorkingDir": "/dev", "User": "0:0"}
        client.create(HOST, body)
        assert client.ask("POST", f"/containers/{HOST}/start").status == 204
        client.create("exec-stopped", {"Cmd": ["true"]})
        client.create("exec-paused", {"Cmd": ["sleep", "600"]})
        for step in ("start", "pause"):
            assert client.ask("POST", f"/containers/exec-paused/{step}").status == 204
    yield
    for client in (ours, dockers):
        for name in (HOST, "exec-stopped", "exec-paused"):
            client.ask("DELETE", f"/containers/{name}?force=1")


@pytest.mark.parametrize(
    ("body", "data"),
    [
        ({"Cmd": ["echo", "hi"]}, b""),
        ({"Cmd": ["sh", "-c", "echo out; sleep 0.2; echo err >&2; exit 7"]}, b""),
        ({"Cmd": ["sh", "-c", "echo out; echo err >&2"], "AttachStdout": False}, b""),
        ({"Cmd": ["sh", "-c", "echo out; echo err >&2"], "AttachStderr": False}, b""),
        ({"Cmd": ["cat"], "AttachStdin": True}, b"typed\n"),
        ({"Cmd": ["cat"]}, b""),
        ({"Cmd": ["pwd"]}, b""),
        ({"Cmd": ["pwd"], "WorkingDir": "/bin"}, b""),
        ({"Cmd": ["sh", "-c", "id -u; id -g"], "User": "1000:1001"}, b""),
        ({"Cmd": ["sh", "-c", "id -u; id -g"], "User": "1000"}, b""),
        ({"Cmd": ["grep", "^Groups", "/proc/self/status"], "User": "1000:1001"}, b""),
        ({"Cmd": ["grep", "^Groups", "/proc/self/status"]}, b""),
        ({"Cmd": ["sh", "-c", "kill -9 $$"]}, b""),
        ({"Cmd": ["sh", "-c", "exit 255"]}, b""),
        ({"Cmd": ["tty"], "Tty": True}, b""),
        ({"Cmd": ["sh", "-c", "echo out; echo err >&2"], "Tty": True}, b""),
        ({"Cmd": ["true"], "DetachKeys": "ctrl-a,b"}, b""),
    ],
    ids=lambda value: " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_a_program_writes_and_ends_alike(ours: Client, dockers: Client, body: dict[str, Any], data: bytes) -> None:
    seen: list[object] = []
    told = []
    for client in (ours, dockers):
        exec_id, stream = client.exec_(HOST, body, data)
        until(lambda client=client, exec_id=exec_id: not client.ask("GET", f"/exec/{exec_id}/json").json["Running"])
        seen.append(stream if body.get("Tty") else _streams(stream))
        told.append(client.ask("GET", f"/exec/{exec_id}/json").json)
    assert seen[0] == seen[1]
    assert differences(normal(told[1]), normal(told[0])) == []
    assert told[0]["ExitCode"] == told[1]["ExitCode"]


def _streams(frames: bytes) -> dict[int, bytes]:
    """What came on each stream; how it was cut into frames is a matter of time."""
    found: dict[int, bytes] = {}
    while frames:
        stream, length = frames[0], int.from_bytes(frames[4:8])
        found[stream] = found.get(stream, b"") + frames[8 : 8 + length]
        frames = frames[8 + length :]
    return found


def test_its_variables_are_those_of_the_container_and_its_own(ours: Client, dockers: Client) -> None:
    found = []
    for client in (ours, dockers):
        lines = client.exec_(HOST, {"Cmd": ["env"], "Env": ["ADDED=2", "OWN=3"]})[1]
        found.append({line for line in (b"OWN=3", b"OWN=1", b"ADDED=2", b"FROM=image", b"PATH=/bin") if line in lines})
    assert found[0] == found[1]


@pytest.mark.parametrize(("privileged", "has_all"), [(False, False), (True, True)])
def test_privileged_gives_more_capabilities(ours: Client, dockers: Client, privileged: bool, has_all: bool) -> None:
    plain = ours.exec_(HOST, {"Cmd": ["grep", "CapEff", "/proc/self/status"]})[1]
    body = {"Cmd": ["grep", "CapEff", "/proc/self/status"], "Privileged": privileged}
    exec_id, stream = ours.exec_(HOST, body)
    assert (stream != plain) is has_all
    assert ours.ask("GET", f"/exec/{exec_id}/json").json["ProcessConfig"]["privileged"] is privileged


def test_an_exec_that_was_not_started_is_told_alike(ours: Client, dockers: Client) -> None:
    told = []
    for client in (ours, dockers):
        body = {"Cmd": ["sh", "-c", "exit 1"], "AttachStdin": True, "AttachStdout": True, "User": "1", "Tty": True}
        made = client.ask("POST", f"/containers/{HOST}/exec", body)
        assert made.status == 201
        told.append(client.ask("GET", f"/exec/{made.json['Id']}/json").json)
        assert made.json["Id"] in client.ask("GET", f"/containers/{HOST}/json").json["ExecIDs"]
    assert differences(normal(told[1]), normal(told[0])) == []


def test_a_detached_program_answers_at_once_and_ends_alike(ours: Client, dockers: Client) -> None:
    told = []
    for client in (ours, dockers):
        made = client.ask("POST", f"/containers/{HOST}/exec", {"Cmd": ["sh", "-c", "sleep 0.2; exit 9"]}).json["Id"]
        started = client.ask("POST", f"/exec/{made}/start", {"Detach": True})
        assert (started.status, started.body) == (200, b"")
        assert client.ask("GET", f"/exec/{made}/json").json["Running"]
        until(lambda client=client, made=made: not client.ask("GET", f"/exec/{made}/json").json["Running"])
        told.append(client.ask("GET", f"/exec/{made}/json").json)
    assert differences(normal(told[1]), normal(told[0])) == []


# what is asked, of a fresh exec or of something else; dockerd 20.10 answers some by another status than newer ones
_NEWER = {"start again": 409, "start garbage": 400}


@pytest.mark.parametrize(
    "step",
    [
        *("create stopped", "create paused", "create absent", "create without a command", "start absent"),
        *("inspect absent", "resize absent", "start again", "resize nonsense", "start garbage"),
    ],
)
def test_wrong_moments_are_answered_alike(ours: Client, dockers: Client, step: str) -> None:
    our, theirs = (_at_a_wrong_moment(client, step) for client in (ours, dockers))
    assert our == (_NEWER[step] if step in _NEWER and theirs == 500 else theirs)


def _at_a_wrong_moment(client: Client, step: str) -> int:
    run = {"Cmd": ["true"]}
    if step.startswith("create"):
        name = {"create stopped": "exec-stopped", "create paused": "exec-paused", "create absent": "absent"}
        body = {} if step == "create without a command" else run
        return client.ask("POST", f"/containers/{name.get(step, HOST)}/exec", body).status
    exec_id = "absent" if "absent" in step else client.ask("POST", f"/containers/{HOST}/exec", run).json["Id"]
    if step.startswith("inspect"):
        return client.ask("GET", f"/exec/{exec_id}/json").status
    if step.startswith("resize"):
        return client.ask("POST", f"/exec/{exec_id}/resize?h={'x' if 'nonsense' in step else 10}&w=10").status
    if step == "start garbage":
        return client.ask("POST", f"/exec/{exec_id}/start", b"[").status
    if step == "start again":
        client.ask("POST", f"/exec/{exec_id}/start", {"Detach": True})
    return client.ask("POST", f"/exec/{exec_id}/start", {"Detach": True}).status


def test_a_missing_program_is_told_as_newer_docker_does(ours: Client) -> None:
    exec_id, stream = ours.exec_(HOST, {"Cmd": ["not-there"]})
    assert b"not found" in stream
    assert ours.ask("GET", f"/exec/{exec_id}/json").json["ExitCode"] == 127


@pytest.mark.parametrize("tty", [False, True])
def test_leaving_by_the_detach_keys_leaves_it_running(ours: Client, tty: bool) -> None:
    """Without a terminal the keys are input like any other, whose end ends the program."""
    body = {"Cmd": ["cat"], "Tty": tty, "AttachStdin": True, "DetachKeys": "ctrl-x,x"}
    exec_id, _ = ours.exec_(HOST, body, b"\x18x")
    until(lambda: tty or not ours.ask("GET", f"/exec/{exec_id}/json").json["Running"])
    assert ours.ask("GET", f"/exec/{exec_id}/json").json["Running"] is tty


@pytest.mark.parametrize("keys", ["", "ctrl-x,x"])
def test_leaving_a_container_leaves_it_running_and_is_told(ours: Client, dockers: Client, keys: str) -> None:
    answers = []
    for client in (ours, dockers):
        client.create("left", {"Cmd": ["cat"], "Tty": True, "OpenStdin": True, "AttachStdin": True})
        assert client.ask("POST", "/containers/left/start").status == 204
        path = f"/containers/left/attach?stream=1&stdin=1&stdout=1&detachKeys={keys}"
        client.attach(path, b"\x18x" if keys else b"\x10\x11")
        state = client.ask("GET", "/containers/left/json").json["State"]
        events = client.ask("GET", "/events?since=1&until=1&filters=%7B%7D").status
        answers.append((state["Running"], events, client.ask("DELETE", "/containers/left?force=1").status))
    assert answers[0] == answers[1] == (True, 200, 204)
