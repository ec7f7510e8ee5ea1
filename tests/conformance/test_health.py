"""Health checks: both engines are asked the same, and tell the same of what they found."""

import json
import re
import time
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.client import Client, until

pytestmark = [pytest.mark.conformance, pytest.mark.host]

INTERVAL_NS = 100_000_000


def begin(client: Client, name: str, test: list[str], **members: Any) -> str:
    check = {"Test": test, "Interval": INTERVAL_NS, "Retries": 2, **members.pop("Healthcheck", {})}
    body = {"Cmd": ["sh", "-c", "echo up >/tmp/up; exec sleep 100"], "Healthcheck": check, **members}
    container_id = client.create(name, body)
    assert client.ask("POST", f"/containers/{name}/start").status == 204
    return container_id


def health(client: Client, name: str) -> dict[str, Any]:
    """Without what goes on by itself: times, and of the log only the latest probe."""
    found: dict[str, Any] = client.ask("GET", f"/containers/{name}/json").json["State"]["Health"]
    found["FailingStreak"] = min(found["FailingStreak"], 2)
    found["Log"] = [
        {key: key if key in ("Start", "End") else value for key, value in probe.items()} for probe in found["Log"][-1:]
    ]
    return found


def becomes(client: Client, name: str, status: str) -> dict[str, Any]:
    until(lambda: health(client, name)["Status"] == status and health(client, name)["Log"], limit_s=20)
    return health(client, name)


def status_text(client: Client, name: str) -> str:
    filters = quote(json.dumps({"name": [name]}))
    (row,) = client.ask("GET", f"/containers/json?all=1&filters={filters}").json
    return re.sub(r"Less than a second|\d+ seconds?", "N seconds", row["Status"])


def found_by(client: Client, name: str) -> list[str]:
    """The values of the health filter that show the container."""
    return [
        value
        for value in ("starting", "healthy", "unhealthy", "none")
        if client.ask(
            "GET", f"/containers/json?all=1&filters={quote(json.dumps({'name': [name], 'health': [value]}))}"
        ).json
    ]


def actions(client: Client, container_id: str) -> list[str]:
    filters = quote(json.dumps({"container": [container_id]}))
    answer = client.ask("GET", f"/events?since=1&until={time.time():.6f}&filters={filters}")
    return [event["Action"] for event in answer.lines]


@pytest.mark.parametrize(
    ("test", "members", "status"),
    [
        (["CMD", "cat", "/tmp/up"], {}, "healthy"),
        # the streams are two pipes: which of two lines written at once comes first is chance, for both engines
        (["CMD-SHELL", "cat /tmp/up; sleep 0.2; echo bad >&2; exit 3"], {}, "unhealthy"),
        (["CMD-SHELL", "nosuch"], {}, "unhealthy"),
        (["CMD", "/nosuch"], {}, "unhealthy"),
        (["CMD-SHELL", "sleep 50"], {"Healthcheck": {"Timeout": 1_500_000_000}}, "unhealthy"),
        (["CMD-SHELL", "id -u; pwd; echo $A $FROM $HOME; cat; echo $0"], {"Env": ["A=b"], "User": "7:8"}, "healthy"),
        (["CMD-SHELL", "echo $0"], {"Shell": ["/bin/ash", "-ec"]}, "healthy"),
        (["CMD-SHELL", "yes | head -c 5000"], {}, "healthy"),
    ],
)
def test_a_check_is_run_and_told_alike(
    ours: Client, dockers: Client, test: list[str], members: dict[str, Any], status: str
) -> None:
    told = []
    for client in (dockers, ours):
        begin(client, "checked", test, **members)
        told.append(becomes(client, "checked", status))
        client.ask("DELETE", "/containers/checked?force=1")
    assert told[0] == told[1]


@pytest.mark.parametrize("check", [{"Test": ["NONE"]}, {"Interval": INTERVAL_NS}, {}])
def test_without_a_test_there_is_no_health(ours: Client, dockers: Client, check: dict[str, Any]) -> None:
    for client in (dockers, ours):
        client.create("unchecked", {"Cmd": ["sleep", "100"], "Healthcheck": check})
        client.ask("POST", "/containers/unchecked/start")
        assert "Health" not in client.ask("GET", "/containers/unchecked/json").json["State"]
        assert found_by(client, "unchecked") == ["none"]
        client.ask("DELETE", "/containers/unchecked?force=1")


def life(client: Client) -> list[object]:
    """Of a checked container from its creation to its second start: what is told at each station."""
    seen: list[object] = []

    def look(station: str) -> None:
        state = client.ask("GET", "/containers/lived/json").json["State"]
        # dockerd's list knows of it a moment later
        until(lambda: ("(Paused)" in status_text(client, "lived")) == state["Paused"])
        seen.append(
            (station, state.get("Health", {}).get("Status"), status_text(client, "lived"), found_by(client, "lived"))
        )

    body = {
        "Cmd": ["sleep", "100"],
        "Healthcheck": {"Test": ["CMD", "ls", "/tmp/up"], "Interval": 500_000_000, "Retries": 2},
    }
    container_id = client.create("lived", body)
    look("created")
    client.ask("POST", "/containers/lived/start")
    look("started")
    becomes(client, "lived", "unhealthy")
    look("failed")
    made = client.ask("POST", "/containers/lived/exec", {"Cmd": ["touch", "/tmp/up"]}).json["Id"]
    client.ask("POST", f"/exec/{made}/start", {"Detach": True})
    becomes(client, "lived", "healthy")
    look("good")
    client.ask("POST", "/containers/lived/pause")
    look("paused")
    client.ask("POST", "/containers/lived/unpause")
    look("unpaused")
    becomes(client, "lived", "healthy")
    client.ask("POST", "/containers/lived/kill")
    client.ask("POST", "/containers/lived/wait")
    look("ended")
    log = client.ask("GET", "/containers/lived/json").json["State"]["Health"]["Log"]
    client.ask("POST", "/containers/lived/start")
    look("again")
    seen.append(client.ask("GET", "/containers/lived/json").json["State"]["Health"]["Log"] == log)
    told = actions(client, container_id)
    seen.append([action for action in told if action.startswith("health")])
    first = told.index("start") + 1
    seen.append(told[first : first + 3])
    client.ask("DELETE", "/containers/lived?force=1")
    return seen


def test_a_checked_container_is_shown_alike_all_its_life(ours: Client, dockers: Client) -> None:
    assert life(ours) == life(dockers)
