"""Versions, headers, errors and bodies: what every request has in common."""

import asyncio
import stat
from pathlib import Path

import pytest

from engine.api.endpoints import ENDPOINTS
from engine.api.server import ApiServer
from engine.model.errors import Conflict
from tests.engine.unit.api.conftest import Api, read_answer


@pytest.mark.parametrize("path", ["/_ping", "/v1.47/_ping", "/v1.21/_ping"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_ping_tells_the_version(api: Api, method: str, path: str) -> None:
    answer = await api.ask(method, path)
    assert answer.status == 200
    assert answer.body == (b"OK" if method == "GET" else b"")
    assert answer.headers["api-version"] == "1.47"
    assert answer.headers["ostype"] == "linux"
    assert answer.headers["docker-experimental"] == "false"
    assert answer.headers["builder-version"] == "1"
    assert answer.headers["server"].startswith("Naru/")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1.20/info", "client version 1.20 is too old. Minimum supported API version is 1.21"),
        ("/v1.48/info", "client version 1.48 is too new. Maximum supported API version is 1.47"),
        ("/v99.9/info", "too new"),
    ],
)
async def test_versions_outside_are_refused(api: Api, path: str, words: str) -> None:
    answer = await api.ask("GET", path)
    assert answer.status == 400
    assert words in answer.message


@pytest.mark.parametrize(("method", "path"), [("GET", "/nope"), ("PUT", "/info"), ("GET", "/v1.47/nope"), ("GET", "/")])
async def test_what_is_no_route_is_not_found(api: Api, method: str, path: str) -> None:
    answer = await api.ask(method, path)
    assert (answer.status, answer.json) == (404, {"message": "page not found"})


async def test_info_has_the_keys_clients_read(api: Api) -> None:
    info = (await api.ask("GET", "/info")).json
    assert info["Swarm"]["LocalNodeState"] == "inactive"
    assert {"Plugins", "Runtimes", "SecurityOptions", "RegistryConfig", "Driver", "ID", "Warnings"} <= info.keys()
    assert (await api.ask("GET", "/info")).json["ID"] == info["ID"]


async def test_version_has_components(api: Api) -> None:
    version = (await api.ask("GET", "/version")).json
    assert (version["ApiVersion"], version["MinAPIVersion"]) == ("1.47", "1.21")
    assert [part["Name"] for part in version["Components"]] == ["Engine", "crun"]


@pytest.mark.parametrize("resource", ["swarm", "nodes", "services", "tasks", "secrets", "configs"])
@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("POST", "/x/update"), ("GET", "/x/logs")])
async def test_there_is_no_swarm(api: Api, resource: str, method: str, rest: str) -> None:
    answer = await api.ask(method, f"/{resource}{rest}")
    assert answer.status == 503
    assert answer.message.startswith("This node is not a swarm manager")


@pytest.mark.parametrize("step", ["init", "join"])
async def test_who_wants_to_make_a_swarm_is_not_told_to_make_one(api: Api, step: str) -> None:
    answer = await api.ask("POST", f"/swarm/{step}", {"ListenAddr": "127.0.0.1"})
    assert (answer.status, answer.message) == (501, "this engine has no swarm mode")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/plugins", 200),
        ("GET", "/plugins/x/json", 404),
        ("GET", "/volumes", 200),
        ("POST", "/volumes/create", 400),
        ("GET", "/volumes/x", 404),
        ("GET", "/networks/nope", 404),
        ("DELETE", "/networks/bridge", 403),
        ("POST", "/session", 501),
    ],
)
async def test_what_is_absent_answers_clearly(api: Api, method: str, path: str, status: int) -> None:
    answer = await api.ask(method, path)
    assert answer.status == status
    assert status == 200 or answer.message


async def test_the_networks_are_the_three_there_are(api: Api) -> None:
    networks = (await api.ask("GET", "/networks")).json
    assert [network["Name"] for network in networks] == ["bridge", "host", "none"]
    bridge = (await api.ask("GET", "/networks/bridge")).json
    assert bridge["IPAM"]["Config"] == [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]
    assert (await api.ask("GET", f"/networks/{bridge['Id'][:12]}")).json["Name"] == "bridge"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"{", 400, "line 1"),
        (b"[]", 400, "expected an object"),
        (b'{"Image": 5}', 400, "Image"),
        (b'{"Image": "a", "Image": "b"}', 400, "twice"),
        (b'{"Image": "nope"}', 404, "No such image: nope"),
        (b'{"Image": "busybox", "HostConfig": {"Binds": ["data:host"]}}', 400, "HostConfig.Binds"),
        (b'{"Image": "busybox", "HostConfig": {"CapAdd": ["FLY"]}}', 400, "CapAdd"),
        (b'{"Image": "busybox", "HostConfig": {"Runtime": "gvisor"}}', 400, "gvisor"),
        (b'{"Image": "busybox", "HostConfig": {"NanoCpus": 9000000000}}', 400, "CPUs"),
        (b'{"Image": "busybox", "HostConfig": {"Tmpfs": {"/a": "size=x"}}}', 400, "tmpfs"),
        (b" " * (5 << 20), 413, "4194304"),
    ],
)
async def test_a_bad_create_request_says_why(api: Api, body: bytes, status: int, words: str) -> None:
    answer = await api.ask("POST", "/containers/create", body)
    assert answer.status == status
    assert words in answer.message


async def test_a_large_chunked_body_is_refused_without_reading_on(api: Api) -> None:
    reader, writer = await api.connect()
    writer.write(
        b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    for _ in range(5):
        writer.write(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
    async with asyncio.timeout(10):
        answer = await read_answer(reader)
    writer.close()
    assert answer.status == 413


async def test_a_body_of_another_type_is_refused(api: Api) -> None:
    answer = await api.ask("POST", "/containers/create", b"{}", headers="Content-Type: text/plain\r\n")
    assert answer.status == 400
    assert "application/json" in answer.message


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HELLO\r\n\r\n", b"GET / HTTP/9\r\n\r\n"]
)
async def test_what_is_not_http_is_answered_and_closed(api: Api, garbage: bytes) -> None:
    reader, writer = await api.connect()
    writer.write(garbage + b"\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await read_answer(reader)
    writer.close()
    assert answer.status == 400
    assert "message" in answer.json


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"X: " + b"a" * 20_000 + b"\r\n",
    ],
)
async def test_ambiguous_framing_is_refused(api: Api, head: bytes) -> None:
    reader, writer = await api.connect()
    writer.write(b"POST /containers/create HTTP/1.1\r\nHost: x\r\n" + head + b"\r\nhello")
    async with asyncio.timeout(10):
        answer = await read_answer(reader)
    writer.close()
    assert answer.status == 400


async def test_an_unexpected_error_tells_a_number_and_no_detail(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode() -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(api.fakes.containers, "list", explode)
    answer = await api.ask("GET", "/containers/json")
    assert answer.status == 500
    assert "secret" not in answer.message
    assert answer.message.split()[-1] in caplog.text


async def test_one_connection_serves_many_requests(api: Api) -> None:
    reader, writer = await api.connect()
    for _ in range(3):
        writer.write(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\nOK")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_work_goes_on_when_its_client_goes(api: Api) -> None:
    container_id = await api.created()
    await api.ask("POST", "/containers/one/start")
    api.fakes.containers.may_stop.clear()
    _, writer = await api.connect()
    writer.write(b"POST /containers/one/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    await asyncio.sleep(0.1)
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.05)
    api.fakes.containers.may_stop.set()
    await asyncio.sleep(0.05)
    assert not api.fakes.containers.get(container_id).is_running


async def test_the_socket_is_for_its_owner_only(api: Api) -> None:
    assert stat.S_IMODE(api.socket.stat().st_mode) == 0o600


async def test_a_stale_socket_is_replaced_and_a_live_one_is_not(api: Api, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="listening"):
        await ApiServer(api.fakes.parts).start(api.socket)
    await api.server.stop()
    assert not api.socket.exists()
    api.socket.touch()
    api.socket.unlink()
    await api.server.start(api.socket)
    assert (await api.ask("GET", "/_ping")).status == 200


def test_every_operation_of_the_first_release_has_a_route() -> None:
    known = {(endpoint.method, endpoint.path.replace("{name:.+}", "{name}")) for endpoint in ENDPOINTS}
    for method, path in (
        ("GET", "/events"),
        ("POST", "/build"),
        ("POST", "/containers/{name}/attach"),
        ("POST", "/containers/{name}/wait"),
        ("GET", "/images/{name}/json"),
        ("POST", "/images/load"),
    ):
        assert (method, path) in known
