"""A container's life step by step: both engines answer every step with the same status and text."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import ANY

import pytest

from tests.conformance.client import Client
from tests.conformance.normal import normal

pytestmark = [pytest.mark.conformance, pytest.mark.host]

RUNS = {"Cmd": ["sleep", "300"]}
ENDS = {"Cmd": ["sh", "-c", "exit 3"]}
TERMINAL = {**RUNS, "Tty": True}

# body of create, then steps "METHOD rest [body]"; "wait" alone waits for the end
SCENARIOS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "created": (
        RUNS,
        ["POST stop", "POST kill", "POST pause", "POST unpause", "GET top", "POST restart?t=0", "GET json"],
    ),
    "running": (RUNS, ["POST start", "POST start", "POST unpause", "GET top?ps_args=-o pid,args", "DELETE "]),
    "paused": (
        RUNS,
        [
            *("POST start", "POST pause", "POST pause", "POST start", "POST restart?t=0", "POST pause", "GET top"),
            *("DELETE ", "POST stop?t=0", "POST unpause", "DELETE "),
        ],
    ),
    "paused and killed": (RUNS, ["POST start", "POST pause", "POST kill?signal=KILL", "GET json"]),
    "ended": (
        ENDS,
        [
            "POST start",
            "POST wait",
            "POST stop",
            "POST kill",
            "POST pause",
            "GET top",
            "POST wait",
            "DELETE ",
            "GET json",
        ],
    ),
    "force": (RUNS, ["POST start", "DELETE ?force=1", "GET json", "DELETE "]),
    "force and volumes": (RUNS, ["POST start", "DELETE ?force=true&v=1", "POST start"]),
    "names": (
        RUNS,
        [
            *(
                "POST rename?name=",
                "POST rename",
                "POST rename?name=!",
                "POST rename?name=stepped",
                "POST rename?name=/",
            ),
            *("POST rename?name=a", "POST rename?name=neighbour", "POST rename?name=with%20space"),
        ],
    ),
    "signals": (
        RUNS,
        [
            *(
                "POST start",
                "POST kill?signal=0",
                "POST kill?signal=65",
                "POST kill?signal=nope",
                "POST kill?signal=CHLD",
            ),
            *("POST kill?signal=SIGCHLD", "POST kill?signal=17", "POST kill?signal=", "POST wait", "POST kill"),
        ],
    ),
    "sizes": (TERMINAL, ["POST resize?h=1&w=1", "POST start", "POST resize?h=10&w=10", "POST resize?h=0&w=0"]),
    "sizes that are none": (
        TERMINAL,
        ["POST start", "POST resize?h=x&w=1", "POST resize?h=1", "POST resize"],
    ),
    "ps": (RUNS, ["POST start", "GET top?ps_args=-o args", "GET top?ps_args=nonsense", "GET top?ps_args=-q"]),
    "waiting": (
        ENDS,
        ["POST wait", "POST start", "POST wait?condition=not-running", "POST wait?condition="],
    ),
    "wrong methods": (RUNS, ["GET start", "PUT json"]),
}
ABSENT = [
    *("GET json", "GET top", "GET logs?stdout=1", "POST start", "POST stop", "POST restart"),
    *("POST kill", "POST pause", "POST unpause", "POST rename?name=x", "POST wait"),
    *("POST resize?h=1&w=1", "DELETE ", "DELETE ?force=1"),
]
# dockerd 20.10 answers these by 500, and newer ones, whom we follow, by what is here
NEWER = {
    "POST kill?signal=65": 400,
    "POST unpause": 409,
    "GET top?ps_args=-o args": 400,
    "GET top?ps_args=nonsense": 400,
    "GET top?ps_args=-q": 400,
}
# words that newer ones chose anew
REWORDED = ("DELETE ", "POST resize?h=x&w=1", "POST resize?h=1", "POST resize", "POST kill?signal=nope")


@pytest.fixture(autouse=True)
def neighbour(ours: Client, dockers: Client) -> Iterator[None]:
    for client in (ours, dockers):
        client.create("neighbour", {})
    yield
    for client in (ours, dockers):
        for name in ("stepped", "neighbour", "a"):
            client.ask("DELETE", f"/containers/{name}?force=1")


def _told(client: Client, name: str, step: str) -> tuple[int, Any]:
    method, rest = step.split(" ", 1)
    path = f"/containers/{name}/{rest}" if rest[:1] not in ("", "?") else f"/containers/{name}{rest}"
    answer = client.ask(method, path.replace(" ", "%20"))
    if answer.status >= 400:
        # newer ones begin most of their messages in lower case
        return answer.status, normal(answer.json)["message"].lower()
    if rest == "json":
        state = answer.json["State"]
        return answer.status, [state[key] for key in ("Status", "Running", "Paused", "ExitCode", "Error", "OOMKilled")]
    if rest == "wait":
        return answer.status, answer.json["StatusCode"]
    return answer.status, None


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_step_is_answered_alike(ours: Client, dockers: Client, scenario: str) -> None:
    body, steps = SCENARIOS[scenario]
    stories = []
    for client in (ours, dockers):
        client.create("stepped", body)
        stories.append([(step, *_told(client, "stepped", step)) for step in steps])
    assert stories[0] == [_as_newer(*told) for told in stories[1]]


def _as_newer(step: str, status: int, told: Any) -> tuple[str, int, Any]:
    if status == 500 and step in NEWER:
        return step, NEWER[step], ANY
    return step, status, ANY if step in REWORDED and status >= 400 else told


@pytest.mark.parametrize("step", ABSENT)
def test_what_is_absent_is_told_alike(ours: Client, dockers: Client, step: str) -> None:
    our, theirs = (_told(client, "absent", step) for client in (ours, dockers))
    assert our == theirs
