"""Whatever a client sends: an answer that names the field, soon, without a trace left and without a failing engine."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest

from engine.api.endpoints import ENDPOINTS, Endpoint
from tests.engine.host.api.bad_inputs import (
    BODIES,
    EXEC_MEMBERS,
    NAMES,
    QUERIES,
    START_MEMBERS,
    Member,
    members,
    with_query,
)
from tests.engine.host.api.raw_http import Answer, request
from tests.engine.host.api.watched_engine import LONGEST_CPU_S, WatchedEngine

pytestmark = pytest.mark.host

_Case = TypeVar("_Case")
_LONGEST_MESSAGE = 2000
_COULD_BE = ("absent",)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SWARM = ("/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs")
ANSWERED = [each for each in ENDPOINTS if not each.path.startswith(_SWARM)]
JSON_REQUESTS = (
    "POST /containers/create",
    "POST /containers/target/exec",
    "POST /exec/{exec}/start",
    "POST /networks/create",
    "POST /networks/bridge/connect",
    "POST /networks/bridge/disconnect",
)


def _named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def check_refused(answer: Answer | None, *, absent_is_fine: bool = True) -> str:
    """A 4xx, or a 501 for what this engine has not; with one message fit for a terminal."""
    assert answer is not None, "closed without an answer"
    assert 400 <= answer.status < 500 or (answer.status == 501 and absent_is_fine), (answer.status, answer.body)
    message = answer.message
    assert 0 < len(message) < _LONGEST_MESSAGE
    assert not _CONTROL.search(message), message
    return message


def send(watched: WatchedEngine, line: str, body: bytes | None = None, **options: Any) -> Answer | None:
    method, path = line.split(" ", 1)
    data = request(method, path.replace("{exec}", watched.exec_id), body, **options)
    answer, cost = watched.send(data, method=method)
    assert cost.cpu_s < LONGEST_CPU_S
    return answer


def refused(watched: WatchedEngine, line: str, body: bytes | None = None) -> str:
    return check_refused(send(watched, line, body))


def check_all(watched: WatchedEngine, cases: Iterable[_Case], check: Callable[[_Case], object]) -> None:
    """Each case in turn, all the failures in one report; and nothing has come of any that was refused."""
    before, problems = watched.things(), []
    for case in cases:
        try:
            check(case)
        except AssertionError as error:
            problems.append(f"{case!r:.200}: {error}"[:1000])
    assert not problems, "\n".join(problems)
    assert watched.things() == before


@pytest.mark.parametrize("line", JSON_REQUESTS)
def test_a_body_that_is_no_request_is_refused(watched: WatchedEngine, line: str) -> None:
    def check(body: str) -> None:
        message = refused(watched, line, BODIES[body])
        assert re.search(r"JSON|body|larger|Image|Env|Cmd|exec|nested|control|Name|Container", message), message

    # an exec is started without a word, too
    check_all(watched, BODIES.keys() - ({"empty", "blank"} if line.endswith("start") else set()), check)


@pytest.mark.parametrize(
    "endpoint", [each for each in ANSWERED if each.method in ("POST", "PUT", "DELETE")], ids=_named
)
def test_no_endpoint_fails_at_a_body(watched: WatchedEngine, endpoint: Endpoint) -> None:
    """Many take none and ignore it; that is theirs to decide. They must not fail at it."""
    path = endpoint.path.replace("{name:.+}", "absent").replace("{name}", "target")

    def check(body: str) -> None:
        answer = send(watched, f"{endpoint.method} {path}", BODIES[body])
        assert answer is not None
        assert answer.status < 500 or answer.status == 501, answer.body
        if answer.status >= 400:
            check_refused(answer)
        else:
            watched.renew()

    for body in BODIES:
        check(body)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-tar", "application/jsonx", "x", "/", "a/b; c"])
@pytest.mark.parametrize("line", JSON_REQUESTS)
def test_a_body_of_another_type_is_refused(watched: WatchedEngine, line: str, content_type: str) -> None:
    check_refused(send(watched, line, b'{"Image": "bb:1", "Cmd": ["true"]}', content_type=content_type))


@pytest.mark.parametrize("endpoint", [each for each in ANSWERED if "{name" in each.path], ids=_named)
def test_a_name_that_cannot_be_is_not_found(watched: WatchedEngine, endpoint: Endpoint) -> None:
    # what else is needed is there; the name is what is wrong
    query = "?stdout=1&repo=a&name=a&h=1&w=1&path=/" if endpoint.method != "DELETE" else ""
    body = b'{"Cmd": ["true"]}' if endpoint.method == "POST" else None

    def check(name: str) -> None:
        path = re.sub(r"\{name[^}]*\}", NAMES[name], endpoint.path)
        answer = send(watched, f"{endpoint.method} {path}{query}", body)
        assert answer is not None
        assert "x-injected" not in answer.headers
        if endpoint.method == "HEAD":
            assert 400 <= answer.status < 502
        else:
            check_refused(answer)

    # what is not here may be in a registry; and Docker tells of a push in its stream, after 200
    asks_a_registry = endpoint.path.startswith("/distribution/") or endpoint.path.endswith("/push")
    check_all(watched, [name for name in NAMES if not (asks_a_registry and name in _COULD_BE)], check)


@pytest.mark.parametrize("path", sorted({member.path for member in members()}))
def test_a_bad_member_of_a_create_request_is_named(watched: WatchedEngine, path: str) -> None:
    def check(member: Member) -> None:
        message = refused(watched, "POST /containers/create", json.dumps(member.body()).encode())
        assert _is_named(path, message), message

    check_all(watched, [member for member in members() if member.path == path], check)


# Docker's own words for these tell what is wrong without the member's name
_OTHERWISE_NAMED = {
    "WorkingDir": "working directory",
    "Image": "reference|no such",
    "ExposedPorts": "port",
    "PortBindings": "port|address",
    "Memory": "memory",
    "NanoCpus": "cpus",
    "CpuPeriod": "cfs period",
    "CpuQuota": "cfs quota",
    "CpuShares": "shares",
    "CapAdd": "capabilit",
    "CapDrop": "capabilit",
    "Ulimits": "ulimit|rlimit",
    "Runtime": "runtime",
    "RestartPolicy": "restart policy|retry count",
    "Type": "logger|log driver|logconfig",
    "Config": "log opt|logconfig",
    "Binds": "mount|volume|bind",
    "Mounts": "mount|bind",
    "Devices": "device",
    "ShmSize": "shm",
    "Tmpfs": "tmpfs|mount",
    "Sysctls": "sysctl",
    "NetworkMode": "network|container",
    "IpcMode": "ipc|container",
    "PidMode": "pid|container",
    "VolumesFrom": "container|volumes",
    "Links": "container|link",
    "EndpointsConfig": "network|endpoint",
    "BlkioWeight": "blkio",
    "StopSignal": "signal",
    "OomScoreAdj": "oom",
    "PidsLimit": "pids",
    "Test": "healthcheck",
    "CpusetCpus": "cpus",
    "CpusetMems": "mems|memory nodes",
    "Dns": "dns",
    "ExtraHosts": "host",
    "SecurityOpt": "security",
    "CgroupParent": "cgroup",
    "GroupAdd": "group",
}


def _is_named(path: str, message: str) -> bool:
    names = [*path.split("."), *(_OTHERWISE_NAMED[each] for each in path.split(".") if each in _OTHERWISE_NAMED)]
    return any(re.search(name, message, re.IGNORECASE) for name in names if name != "HostConfig" or "." not in path)


@pytest.mark.parametrize("name", EXEC_MEMBERS)
def test_a_bad_member_of_an_exec_request_is_named(watched: WatchedEngine, name: str) -> None:
    def check(value: Any) -> None:
        body = {"Cmd": ["true"], name: value}
        message = refused(watched, "POST /containers/target/exec", json.dumps(body).encode())
        assert re.search(rf"{name}|exec command|working directory|detach keys", message, re.IGNORECASE), message

    check_all(watched, EXEC_MEMBERS[name], check)


@pytest.mark.parametrize("name", START_MEMBERS)
def test_a_bad_member_of_an_exec_start_is_named(watched: WatchedEngine, name: str) -> None:
    def check(value: Any) -> None:
        message = refused(watched, "POST /exec/{exec}/start", json.dumps({"Tty": True, name: value}).encode())
        assert name in message

    check_all(watched, START_MEMBERS[name], check)


_PARAMETERS_BY_OTHER_WORDS = (
    "head|line is too long|URI|filter|name|signal|reference|tag|ps|condition|keys|image|digest|change command|context"
)


@pytest.mark.parametrize(("line", "name"), [(line, name) for line, names in QUERIES.items() for name in names])
def test_a_bad_parameter_is_named(watched: WatchedEngine, line: str, name: str) -> None:
    body = b'{"Image": "bb:1", "Cmd": ["true"]}' if line.endswith("/create") else b"" if "POST" in line else None

    def check(value: str) -> None:
        message = refused(watched, with_query(line, name, value), body)
        assert re.search(rf"\b{name}\b|{_PARAMETERS_BY_OTHER_WORDS}", message), message

    check_all(watched, QUERIES[line][name], check)


def test_unknown_members_are_told_and_do_no_harm(watched: WatchedEngine) -> None:
    answer = watched.ask(
        "POST", "/containers/create", {"Image": "bb:1", "Cmd": ["x"], "Imge": 1, "HostConfig": {"Memry": 1}}
    )
    try:
        assert [word for word in ("Imge", "Memry") if not any(word in text for text in answer["Warnings"])] == []
    finally:
        watched.engine.docker("rm", answer["Id"])
