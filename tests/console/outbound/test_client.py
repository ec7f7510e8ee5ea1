"""What a hostile server, or somebody who types its address, gets of the console."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from pytest_django import Settings

from console.operations.errors import Invalid
from console.outbound import client
from console.outbound.client import Answer, Call, Failed, Refused, request, require_reachable
from console.outbound.sessions import checked_session
from tests.fakes.hostile_server import HostileServer, Visit

SECRET = {"Authorization": "Bearer canary-credential"}


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


@pytest.fixture
def near(settings: Settings) -> None:
    """The machine's administrator lets the console ask one loopback address."""
    settings.NARU_OUTBOUND_ALLOW = "127.0.0.1/32"


Names = Callable[..., list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Plays the name server: what each look-up of a name is answered, in turn; the last for ever. Returns the log."""

    def answer(**tables: list[list[str]]) -> list[str]:
        asked: list[str] = []
        left = {name.replace("_", "."): list(answers) for name, answers in tables.items()}

        def resolve(host: str, _port: int) -> list[str]:
            asked.append(host)
            return left[host].pop(0) if len(left[host]) > 1 else left[host][0]

        monkeypatch.setattr(client, "resolve", resolve)
        return asked

    return answer


def get(url: str, **facts: object) -> Answer:
    return request(Call("GET", url, **facts))  # type: ignore[arg-type]


def test_an_answer_comes_whole_whatever_its_status(server: HostileServer, near: None) -> None:
    server.script = lambda visit: visit.answer("418 Teapot", b"short and stout", X_Kind="pot")
    answer = request(Call("POST", f"{server.url}/brew?cups=2", {"X-Want": "tea"}, body=b"leaves"))
    assert (answer.status, answer.body, answer.header("x-kind")) == (418, b"short and stout", "pot")
    [visit] = server.visits
    assert (visit.path, visit.body, visit.header("x-want")) == ("/brew?cups=2", b"leaves", "tea")
    assert visit.header("host") == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"])
def test_the_machine_itself_is_not_asked_however_it_is_written(server: HostileServer, host: str) -> None:
    with pytest.raises(Refused):
        get(f"http://{host}:{server.port}/")
    with pytest.raises(Invalid, match="no address of the public internet"):
        require_reachable(f"http://{host}:{server.port}/")
    assert server.visits == []


def test_a_name_that_leads_inside_as_well_is_refused(server: HostileServer, names: Names) -> None:
    names(both_example=[["93.184.216.34", "127.0.0.1"]])
    with pytest.raises(Refused, match=r"127\.0\.0\.1"):
        get(f"http://both.example:{server.port}/")
    assert server.visits == []


def test_a_name_is_looked_up_once_so_it_cannot_change_after_the_check(
    server: HostileServer, names: Names, near: None
) -> None:
    asked = names(rebinding_example=[["127.0.0.1"], ["10.0.0.1"]])
    assert get(f"http://rebinding.example:{server.port}/").status == 200
    assert asked == ["rebinding.example"]
    assert server.visits[0].header("host") == f"rebinding.example:{server.port}"


def test_a_redirect_inside_is_refused(server: HostileServer, names: Names, near: None) -> None:
    names(public_example=[["127.0.0.1"]], inside_example=[["127.0.0.2"]])
    server.script = lambda visit: visit.answer("302 Found", Location=f"http://inside.example:{server.port}/")
    with pytest.raises(Refused, match=r"127\.0\.0\.2"):
        get(f"http://public.example:{server.port}/")
    assert server.paths() == ["/"]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://x/", "http://u:p@127.0.0.1/", "http://[::1"])
def test_a_redirect_to_no_address_is_refused(server: HostileServer, near: None, location: str) -> None:
    server.script = lambda visit: visit.answer("302 Found", Location=location)
    with pytest.raises((Refused, Failed)):
        get(server.url)
    assert len(server.visits) == 1


def test_three_redirects_are_followed_and_no_more(server: HostileServer, near: None) -> None:
    def on(visit: Visit) -> None:
        number = int(visit.path.strip("/") or 0)
        visit.answer("302 Found", Location=f"/{number + 1}") if number < limit else visit.answer(body=b"there")

    server.script, limit = on, 3
    assert get(server.url).body == b"there"
    server.visits.clear()
    limit = 4
    with pytest.raises(Failed, match="more than 3 times"):
        get(server.url)
    assert server.paths() == ["/", "/1", "/2", "/3"]


def test_a_credential_goes_to_its_own_host_only(server: HostileServer, names: Names, near: None) -> None:
    names(first_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])

    def lead_away(visit: Visit) -> None:
        if visit.path == "/":
            visit.answer("307 Temporary", Location="/same-host")
        elif visit.path == "/same-host":
            visit.answer("307 Temporary", Location=f"http://other.example:{server.port}/other-host")
        else:
            visit.answer()

    server.script = lead_away
    request(Call("POST", f"http://first.example:{server.port}/", {"X-Plain": "1"}, SECRET, b"body"))
    assert [visit.header("authorization") for visit in server.visits] == [SECRET["Authorization"]] * 2 + [""]
    assert [(visit.header("x-plain"), visit.body) for visit in server.visits] == [("1", b"body")] * 3


def test_a_body_is_not_sent_on_where_http_says_get(server: HostileServer, near: None) -> None:
    server.script = lambda visit: (
        visit.answer("303 See Other", Location="/seen") if visit.path == "/" else visit.answer()
    )
    request(Call("POST", server.url, body=b"body"))
    assert server.visits[1].request.startswith(b"GET /seen ")
    assert server.visits[1].body == b""


def test_no_proxy_is_taken_from_the_environment(
    server: HostileServer, near: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.3:9")
    assert get(f"{server.url}/direct").status == 200
    with checked_session() as session:
        assert session.get(f"{server.url}/direct").status_code == 200
    assert server.paths() == ["/direct", "/direct"]


LONG = "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n"


@pytest.mark.parametrize("head", [LONG, "HTTP/1.1 200 OK\r\n\r\n"], ids=["said to be long", "without an end"])
def test_a_body_without_end_is_broken_off(server: HostileServer, near: None, head: str) -> None:
    def flood(visit: Visit) -> None:
        visit.socket.sendall(head.encode())
        while True:
            visit.socket.sendall(b"a" * 65536)

    server.script = flood
    with pytest.raises(Failed, match="more than 1000 bytes"):
        get(server.url, limit_bytes=1000)


SLOW = {
    "no answer": (b"", b""),
    "a header that goes on": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"),
    "only ever going on": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", b"a"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
}


@pytest.mark.parametrize("kind", SLOW)
def test_a_server_that_drips_holds_nobody_longer_than_the_limit(server: HostileServer, near: None, kind: str) -> None:
    head, piece = SLOW[kind]

    def drip(visit: Visit) -> None:
        visit.socket.sendall(head)
        visit.drip(piece, every_s=0.02) if piece else visit.stopped.wait(20)

    server.script = drip
    began = time.monotonic()
    with pytest.raises(Failed, match="in time"):
        get(server.url, limit_s=0.3)
    assert time.monotonic() - began < 10


def test_redirects_share_one_limit(server: HostileServer, near: None) -> None:
    def slow(visit: Visit) -> None:
        visit.stopped.wait(0.2)
        visit.answer("302 Found", Location="/again")

    server.script = slow
    with pytest.raises(Failed, match="in time"):
        get(server.url, limit_s=0.3)


def test_a_name_server_that_says_nothing_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def silent(_host: str, _port: int) -> list[str]:
        released.wait(10)
        return ["93.184.216.34"]

    monkeypatch.setattr(client, "resolve", silent)
    with pytest.raises(Failed, match="in time"):
        get("http://slow.example/", limit_s=0.1)
    released.set()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["nothing", "ssh", "no status", "many headers", "long header", "cut off", "bad chunk"],
)
def test_what_is_no_answer_is_told_as_one_error(server: HostileServer, near: None, said: bytes) -> None:
    server.script = lambda visit: visit.socket.sendall(said)
    with pytest.raises(Failed, match="was not reached"):
        get(server.url)


def test_a_plain_server_is_not_taken_for_one_with_a_certificate(server: HostileServer, near: None) -> None:
    with pytest.raises(Failed):
        get(server.url.replace("http:", "https:"), limit_s=0.5)


def test_a_library_that_wants_a_session_is_checked_too(server: HostileServer) -> None:
    with checked_session() as session:
        with pytest.raises(requests.exceptions.InvalidURL, match="public internet"):
            session.get(server.url)
        with pytest.raises(requests.exceptions.InvalidSchema):
            session.get("file:///etc/passwd")
    assert server.visits == []


def test_a_configured_host_may_be_near_but_may_not_lead_elsewhere(server: HostileServer, names: Names) -> None:
    names(idp_example=[["127.0.0.1"]], inside_example=[["127.0.0.1"]])
    server.script = lambda visit: (
        visit.answer("302 Found", Location=f"http://inside.example:{server.port}/")
        if visit.path == "/away"
        else visit.answer(body=b'{"ok": true}')
    )
    with checked_session(trusted=frozenset({"idp.example"})) as session:
        assert session.get(f"http://idp.example:{server.port}/").json() == {"ok": True}
        with pytest.raises(requests.exceptions.InvalidURL):
            session.get(f"http://idp.example:{server.port}/away")


def test_a_compressed_answer_that_nobody_asked_for_is_not_unpacked(server: HostileServer, near: None) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    server.script = lambda visit: visit.answer(body=bomb, Content_Encoding="gzip")
    with checked_session() as session, pytest.raises(requests.exceptions.ConnectionError, match="compressed"):
        session.get(server.url)
    assert server.visits[0].header("accept-encoding") == "identity"
