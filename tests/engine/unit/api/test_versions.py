"""What differs between the versions of the API, each difference on both sides of where it begins."""

import asyncio
from typing import Any

import pytest

from tests.engine.unit.api.conftest import Api, read_answer, read_head


async def test_security_options_have_keys_from_1_25_on(api: Api) -> None:
    old, new = [(await api.ask("GET", f"/v{version}/info")).json["SecurityOptions"] for version in ("1.24", "1.25")]
    assert "seccomp" in old
    assert "name=seccomp,profile=builtin" in new


@pytest.mark.parametrize(
    ("version", "has_builder_size", "has_virtual_size"),
    [("1.41", True, True), ("1.42", False, True), ("1.44", False, False)],
)
async def test_disk_usage(api: Api, version: str, has_builder_size: bool, has_virtual_size: bool) -> None:
    usage = (await api.ask("GET", f"/v{version}/system/df")).json
    assert ("BuilderSize" in usage) is has_builder_size
    assert all(("VirtualSize" in image) is has_virtual_size for image in usage["Images"])


async def test_disk_usage_of_some_types_from_1_42_on(api: Api) -> None:
    usage = (await api.ask("GET", "/v1.42/system/df?type=volume")).json
    assert (usage["Images"], usage["Containers"], usage["Volumes"]) == (None, None, [])
    assert (await api.ask("GET", "/v1.41/system/df?type=volume")).json["Images"] is not None
    refused = await api.ask("GET", "/v1.42/system/df?type=nonsense")
    assert (refused.status, "type" in refused.message) == (400, True)


@pytest.mark.parametrize(("version", "status"), [("1.41", 204), ("1.42", 400)])
async def test_a_stop_looks_at_its_signal_from_1_42_on(api: Api, version: str, status: int) -> None:
    await api.created()
    await api.ask("POST", "/containers/one/start")
    answer = await api.ask("POST", f"/v{version}/containers/one/stop?signal={'x' * 41 if status == 400 else 'nope'}")
    assert (answer.status == 204) is (status == 204)


@pytest.mark.parametrize(("version", "status"), [("1.29", 200), ("1.30", 400)])
async def test_a_wait_looks_at_its_condition_from_1_30_on(api: Api, version: str, status: int) -> None:
    await api.created()
    assert (await api.ask("POST", f"/v{version}/containers/one/wait?condition=nonsense")).status == status


@pytest.mark.parametrize(("version", "comes_at_once"), [("1.29", False), ("1.30", True)])
async def test_a_waits_head_comes_at_once_from_1_30_on(api: Api, version: str, comes_at_once: bool) -> None:
    await api.created()
    await api.ask("POST", "/containers/one/start")
    reader, writer = await api.connect()
    writer.write(f"POST /v{version}/containers/one/wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    while not any(api.fakes.containers.waiters._waiting.values()):
        await asyncio.sleep(0.01)
    if comes_at_once:
        assert (await read_head(reader)).status == 200
    else:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.readexactly(1)
    api.fakes.containers.end("one", 3)
    assert b'"StatusCode":3' in (await reader.read())


@pytest.mark.parametrize(("version", "sizes"), [("1.41", []), ("1.42", [(24, 80)])])
async def test_a_create_looks_at_the_consoles_size_from_1_42_on(api: Api, version: str, sizes: list[Any]) -> None:
    body = {"Image": "busybox", "Tty": True, "HostConfig": {"ConsoleSize": [24, 80]}}
    assert (await api.ask("POST", f"/v{version}/containers/create", body)).status == 201
    assert api.fakes.containers.sizes == sizes


@pytest.mark.parametrize(
    ("version", "upgrade", "kind"),
    [("1.41", True, "raw-stream"), ("1.42", True, "multiplexed-stream"), ("1.42", False, "raw-stream")],
)
async def test_an_attach_names_its_framing_from_1_42_on(api: Api, version: str, upgrade: bool, kind: str) -> None:
    await api.created()
    reader, writer = await api.connect()
    how = "Connection: Upgrade\r\nUpgrade: tcp\r\n" if upgrade else ""
    writer.write(f"POST /v{version}/containers/one/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\n{how}\r\n".encode())
    assert (await read_head(reader)).headers["content-type"] == f"application/vnd.docker.{kind}"


async def test_half_a_head_is_held_for_a_limited_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.api.hijack.HEAD_S", 0.1)
    halves = (b"G", b"GET /_ping HTT", b"POST /containers/one/attach HTTP/1.1\r\nHost:", b"PUT / HTTP/1.1\r\nX: y")
    for half in halves:
        reader, writer = await api.connect()
        writer.write(half)
        async with asyncio.timeout(5):
            answer = await read_answer(reader)
        assert (answer.status, bool(answer.message)) == (408, True)


async def test_a_slow_head_that_arrives_in_time_is_served(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.api.hijack.HEAD_S", 5.0)
    reader, writer = await api.connect()
    for piece in (b"GET /_pi", b"ng HTTP/1.1\r\nHo", b"st: x\r\n", b"Connection: close\r\n", b"\r\n"):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        assert (await read_answer(reader)).body == b"OK"


async def test_a_body_that_does_not_come_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.api.call.BODY_S", 0.1)
    reader, writer = await api.connect()
    head = "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    writer.write(f"{head}{{".encode())
    async with asyncio.timeout(5):
        answer = await read_answer(reader)
    assert (answer.status, "body" in answer.message) == (400, True)
