"""Log queries and log options: the same answers as dockerd's."""

import json
import re
from urllib.parse import quote

import pytest

from tests.conformance.client import Answer, Client, until

pytestmark = [pytest.mark.host, pytest.mark.conformance]

_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
_SCRIPT = "echo one; echo two >&2; printf 'no '; usleep 20000; echo newline; echo three; printf end"


def create(client: Client, name: str, **body: object) -> str:
    return client.create(name, {"Cmd": ["sh", "-c", _SCRIPT], **body})


def by_stream(data: bytes) -> dict[int, bytes]:
    """Without frames, which an engine may cut as it likes where no times are asked for."""
    found: dict[int, bytes] = {}
    while data:
        length = int.from_bytes(data[4:8], "big")
        found[data[0]] = found.get(data[0], b"") + data[8 : 8 + length]
        data = data[8 + length :]
    return found


def run_both(ours: Client, dockers: Client, name: str, **body: object) -> None:
    for client in (ours, dockers):
        create(client, name, **body)
        client.ask("POST", f"/containers/{name}/start")
        client.ask("POST", f"/containers/{name}/wait")


@pytest.fixture(scope="module")
def ended(ours: Client, dockers: Client) -> str:
    options = {"labels": "a,missing", "env": "MODE", "tag": "{{.Name}}/{{.ImageName}}"}
    body = {"Labels": {"a": "x y&", "b": "z"}, "Env": ["MODE=1"]}
    log = {"Type": "json-file", "Config": options}
    run_both(ours, dockers, "logs-ended", HostConfig={"LogConfig": log}, **body)
    return "logs-ended"


@pytest.mark.parametrize(
    "query",
    [
        "stdout=1&stderr=1",
        "stdout=1",
        "stderr=1",
        "stdout=1&stderr=1&tail=all",
        "stdout=1&tail=2",
        "stdout=1&stderr=1&tail=0",
        "stdout=1&stderr=1&tail=nonsense",
        "stdout=1&stderr=1&tail=-1",
        "stdout=1&stderr=1&follow=1",
        "stdout=1&stderr=1&since=0",
        "stdout=1&stderr=1&since=1",
        "stdout=1&stderr=1&since=9999999999",
        "stdout=1&stderr=1&until=1",
        "stdout=1&stderr=1&until=9999999999.5",
        "stdout=1&stderr=1&details=1",
    ],
)
def test_the_same_output_for_the_same_query(ours: Client, dockers: Client, ended: str, query: str) -> None:
    answers = [client.ask("GET", f"/containers/{ended}/logs?{query}") for client in (ours, dockers)]
    assert [answer.status for answer in answers] == [200, 200]
    assert by_stream(answers[0].body) == by_stream(answers[1].body)


@pytest.mark.parametrize("query", ["stdout=1&timestamps=1", "stderr=1&timestamps=1&details=1"])
def test_the_same_lines_with_times(ours: Client, dockers: Client, ended: str, query: str) -> None:
    answers = [client.ask("GET", f"/containers/{ended}/logs?{query}").body for client in (ours, dockers)]
    found = [{stream: _TIME.sub(b"TIME", out) for stream, out in by_stream(answer).items()} for answer in answers]
    assert found[0] == found[1]


def test_a_terminal_has_no_frames(ours: Client, dockers: Client) -> None:
    run_both(ours, dockers, "logs-tty", Tty=True)
    found = [client.ask("GET", "/containers/logs-tty/logs?stdout=1&stderr=1").body for client in (ours, dockers)]
    assert found[0] == found[1]
    assert found[0].startswith(b"one\r\ntwo\r\n")


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, str(json.loads(answer.body)["message"])


@pytest.mark.parametrize("query", ["", "follow=1", "stdout=0&stderr=false"])
def test_a_request_for_no_stream_is_refused(ours: Client, dockers: Client, ended: str, query: str) -> None:
    answers = [refusal(client.ask("GET", f"/containers/{ended}/logs?{query}")) for client in (ours, dockers)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 400


def test_a_container_that_does_not_exist_has_no_log(ours: Client, dockers: Client) -> None:
    answers = [refusal(client.ask("GET", "/containers/nobody/logs?stdout=1")) for client in (ours, dockers)]
    assert [answer[0] for answer in answers] == [404, 404]


def test_the_log_of_what_has_not_run_is_empty(ours: Client, dockers: Client) -> None:
    for client in (ours, dockers):
        create(client, "logs-created")
        assert client.ask("GET", "/containers/logs-created/logs?stdout=1&stderr=1").body == b""


def test_without_a_log_there_is_nothing_to_read(ours: Client, dockers: Client) -> None:
    run_both(ours, dockers, "logs-none", HostConfig={"LogConfig": {"Type": "none"}})
    path = "/containers/logs-none/logs?stdout=1"
    answers = [refusal(client.ask("GET", path)) for client in (ours, dockers)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("", {}),
        ("json-file", {}),
        ("json-file", {"max-size": "10m", "max-file": "4", "mode": "non-blocking", "max-buffer-size": "1m"}),
        ("json-file", {"max-size": "10m", "max-file": "2", "compress": "true", "labels-regex": "^a", "env-regex": "b"}),
        ("local", {"max-size": "1k", "max-file": "2"}),
        ("none", {}),
    ],
)
def test_inspect_repeats_what_was_given(ours: Client, dockers: Client, driver: str, options: dict[str, str]) -> None:
    shown = []
    for client in (ours, dockers):
        create(client, "logs-config", HostConfig={"LogConfig": {"Type": driver, "Config": options}})
        shown.append(client.ask("GET", "/containers/logs-config/json").json["HostConfig"]["LogConfig"])
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("json-file", {"imagine": "1"}),
        ("local", {"labels": "a"}),
        ("json-file", {"mode": "sometimes"}),
        ("json-file", {"max-buffer-size": "1m"}),
    ],
)
def test_what_dockers_create_refuses_is_refused(
    ours: Client, dockers: Client, driver: str, options: dict[str, str]
) -> None:
    body = {"Image": "conformance/busybox:1", "HostConfig": {"LogConfig": {"Type": driver, "Config": options}}}
    answers = [refusal(client.ask("POST", "/containers/create", body)) for client in (ours, dockers)]
    assert answers[0][0] == 400
    assert answers[0][1] == answers[1][1]


@pytest.mark.parametrize(
    "options",
    [{"max-size": "much"}, {"max-size": "0"}, {"max-file": "0"}, {"max-file": "few"}, {"compress": "true"}],
)
def test_what_dockers_start_refuses_is_refused_by_our_create(
    ours: Client, dockers: Client, options: dict[str, str]
) -> None:
    create(dockers, "logs-bad", HostConfig={"LogConfig": {"Type": "json-file", "Config": options}})
    assert dockers.ask("POST", "/containers/logs-bad/start").status >= 400
    dockers.ask("DELETE", "/containers/logs-bad?force=1")
    body = {"Image": "conformance/busybox:1", "HostConfig": {"LogConfig": {"Type": "json-file", "Config": options}}}
    assert ours.ask("POST", "/containers/create", body).status == 400


def test_since_and_until_choose_the_same_lines(ours: Client, dockers: Client) -> None:
    run_both(ours, dockers, "logs-since", Cmd=["sh", "-c", "for i in 1 2 3 4; do echo $i; usleep 50000; done"])
    for client in (ours, dockers):
        data = by_stream(client.ask("GET", "/containers/logs-since/logs?stdout=1&timestamps=1").body)[1]
        at = _TIME.findall(data)[2].decode()
        for text in (at, seconds(at)):
            since = client.ask("GET", f"/containers/logs-since/logs?stdout=1&since={quote(text)}")
            until_ = client.ask("GET", f"/containers/logs-since/logs?stdout=1&until={quote(text)}")
            if client is ours or text != at:  # the API takes seconds; the client makes them of other forms
                assert by_stream(since.body)[1] == b"3\n4\n"
                assert by_stream(until_.body)[1] == b"1\n2\n3\n"


def seconds(at: str) -> str:
    from datetime import datetime

    whole, fraction = at.rstrip("Z").split(".")
    return f"{int(datetime.fromisoformat(whole + '+00:00').timestamp())}.{fraction}"


def test_a_follower_gets_what_comes_and_the_end(ours: Client, dockers: Client) -> None:
    for client in (ours, dockers):
        create(client, "logs-follow", Cmd=["sh", "-c", "echo a; usleep 300000; echo b"])
        client.ask("POST", "/containers/logs-follow/start")
        out = client.ask("GET", "/containers/logs-follow/logs?stdout=1&follow=1").body
        assert by_stream(out) == {1: b"a\nb\n"}
        until(lambda: client.ask("GET", "/containers/logs-follow/json").json["State"]["Status"] == "exited")  # noqa: B023
