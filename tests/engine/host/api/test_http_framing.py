"""Bytes that are no request, or two requests in one: refused or cut off, and the engine serves the next client."""

import pytest

from tests.engine.host.api.raw_http import connect, exchange, request
from tests.engine.host.api.watched_engine import LONGEST_CPU_S, WatchedEngine

pytestmark = pytest.mark.host

_CREATE = b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_CHUNKED = _CREATE + b"Transfer-Encoding: chunked\r\n"
_ATTACH = b"POST /containers/target/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\n"
_PING = b"GET /_ping HTTP/1.1\r\nHost: x\r\n"

REFUSED: dict[str, bytes] = {
    "length and chunks": _CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": _CREATE + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "a list of lengths": _CREATE + b"Content-Length: 2, 3\r\n\r\n{}x",
    "negative length": _CREATE + b"Content-Length: -1\r\n\r\n{}",
    "signed length": _CREATE + b"Content-Length: +2\r\n\r\n{}",
    "hexadecimal length": _CREATE + b"Content-Length: 0x2\r\n\r\n{}",
    "length that is none": _CREATE + b"Content-Length: two\r\n\r\n{}",
    "endless length": _CREATE + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n{}",
    "large length": _CREATE + b"Content-Length: 99999999999\r\n\r\n{}",
    "unknown encoding": _CREATE + b"Transfer-Encoding: gzip\r\n\r\n{}",
    "doubled encoding": _CREATE + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "like an encoding": _CREATE + b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}",
    "bad chunk size": _CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
    "negative chunk": _CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
    "huge chunk": _CHUNKED + b"\r\n" + b"f" * 40 + b"\r\n{}",
    "chunk without its end": _CHUNKED + b"\r\n2\r\n{}garbage\r\n0\r\n\r\n",
    "attach with length and chunks": _ATTACH + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "attach with two lengths": _ATTACH + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
    "attach with a bad length": _ATTACH + b"Content-Length: -5\r\n\r\nhello",
    "large header": _PING + b"X: " + b"a" * (2 << 20) + b"\r\n\r\n",
    "large header name": _PING + b"a" * (2 << 20) + b": x\r\n\r\n",
    "large header without its end": _PING + b"X: " + b"a" * (2 << 20),
    "many headers": _PING + b"".join(b"X-%d: y\r\n" % n for n in range(200_000)) + b"\r\n",
    "large attach": _ATTACH + b"X: " + b"a" * (2 << 20) + b"\r\n\r\n",
    "long path": b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "header without a colon": _PING + b"nonsense\r\n\r\n",
    "space before the colon": _PING + b"Content-Length : 5\r\n\r\nhello",
    "NUL in a header": _PING + b"X: a\0b\r\n\r\n",
    "NUL in the path": b"GET /_ping\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "encoded NUL in the path": b"GET /containers/a%00b/json HTTP/1.1\r\nHost: x\r\n\r\n",
    "space in the path": b"GET /containers/a b/json HTTP/1.1\r\nHost: x\r\n\r\n",
    "dots in the path": b"GET /containers/%2e%2e%2f%2e%2e%2fetc/json HTTP/1.1\r\nHost: x\r\n\r\n",
    "dots encoded twice": b"GET /containers/%252e%252e%252fetc/json HTTP/1.1\r\nHost: x\r\n\r\n",
    "bare dots": b"GET /containers/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in the path": b"GET /containers/\xff\xfe/json HTTP/1.1\r\nHost: x\r\n\r\n",
    "path of nothing": b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
    "star": b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "tunnel": b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "unknown method": b"FROB /_ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "trace": b"TRACE /_ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "method in lower case": b"get /_ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /nowhere\r\n\r\n",
    "version 9": b"GET /_ping HTTP/9.9\r\nHost: x\r\n\r\n",
    "version 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"\xaa" * 200,
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing but zeros": b"\0" * 70_000,
    "nothing but bytes": bytes(range(256)) * 300,
    "a megabyte of one line": b"A" * (1 << 20),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_request_is_refused_or_cut_off(watched: WatchedEngine, name: str) -> None:
    before = watched.things()
    answer, cost = watched.send(REFUSED[name], method="GET", has_ended=True)
    if answer is not None:
        assert 400 <= answer.status < 500, (answer.status, answer.body)
        assert answer.message
    assert cost.cpu_s < LONGEST_CPU_S
    assert watched.things() == before
    assert exchange(watched.engine.socket, request("GET", "/_ping"), method="GET") is not None


@pytest.mark.parametrize(
    "data",
    [
        b"\r\nGET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /_ping HTTP/1.0\r\n\r\n",
        b"GET /v1.47/_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET http://docker/_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /_ping?x=%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_is_only_unusual_is_served(watched: WatchedEngine, data: bytes) -> None:
    answer, _ = watched.send(data, method="GET")
    assert answer is not None
    assert answer.status == 200


def test_a_second_request_behind_a_bad_one_is_not_served(watched: WatchedEngine) -> None:
    smuggled = b"POST /containers/target/kill HTTP/1.1\r\nHost: x\r\n\r\n"
    for first in (
        _CREATE + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        _CREATE + b"Content-Length: 0\r\nContent-Length: 60\r\n\r\n",
        _CHUNKED + b"\r\n0\r\nX\r\n\r\n",
        b"GET /nowhere HTTP/9.9\r\n\r\n",
    ):
        watched.send(first + smuggled, has_ended=True)
        assert watched.ask("GET", "/containers/target/json")["State"]["Running"]


def test_clients_that_say_nothing_do_not_keep_others_waiting(watched: WatchedEngine) -> None:
    silent = [connect(watched.engine.socket) for _ in range(200)]
    try:
        for number, connection in enumerate(silent):
            connection.sendall([b"", b"GET /_pi", _CREATE, _CREATE + b"Content-Length: 50\r\n\r\n{"][number % 4])
        answer, _ = watched.send(request("GET", "/_ping"), method="GET")
        assert answer is not None
        assert answer.status == 200
    finally:
        for connection in silent:
            connection.close()
