"""An agent at the console's door: who gets in, what its call is good for, and when it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from console.audit.models import AuditEntry
from console.hosts import consumers
from console.hosts.gateway import connect
from console.hosts.models import Host
from console.hosts.observations import host_seen
from console.hosts.operations import IssuedKey, add_host, remove_host, rename_host, renew_key, revoke_key
from console.hosts.signing_key import host_key
from console.hosts.tunnel.addresses import socket_path
from console.hosts.tunnel.calling import engine_at
from console.hosts.tunnel.frames import ENDED, MALFORMED, REPLACED, Frame, Kind, Welcome
from console.hosts.tunnel.wire import Wire
from console.operations.errors import Unavailable
from console.operations.permissions import Role
from console.project import asgi
from console.rest.credentials import Credential
from tests.factories.console import actor_of, make_user

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT_S = 30.0
ADDRESS = "198.51.100.7"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(consumers, "LOOK_EVERY_S", 0.1)
    layers = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    with override_settings(NARU_RUN=tmp_path / "run", CHANNEL_LAYERS=layers):
        yield


@pytest.fixture
def issued() -> IssuedKey:
    return add_host(actor_of(make_user(Role.ADMIN)), name="b1")


def administrator() -> Any:
    return actor_of(make_user(Role.ADMIN))


class Call:
    """What a websocket server gives to the door."""

    def __init__(self, key: str, *, query: bytes = b"", origin: str = "", word: str = "Bearer") -> None:
        headers = [(b"authorization", f"{word} {key}".encode())]
        if origin:
            headers.append((b"origin", origin.encode()))
        scope = {
            "type": "websocket",
            "path": "/agent/tunnel/",
            "query_string": query,
            "headers": headers,
            "client": [ADDRESS, 4711],
            "subprotocols": [],
        }
        self.wire = ApplicationCommunicator(asgi.application, scope)

    async def ring(self) -> dict[str, Any]:
        await self.wire.send_input({"type": "websocket.connect"})
        return await self.hear()

    async def hear(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.wire.receive_output(LIMIT_S)
        return found

    async def say(self, message: bytes) -> None:
        await self.wire.send_input({"type": "websocket.receive", "bytes": message})

    async def closing(self) -> int:
        """The code that the console hangs up with; pings before it do not matter."""
        while (event := await self.hear())["type"] != "websocket.close":
            assert event["bytes"][:1] in (Kind.PING.value, Kind.PONG.value)
        return int(event["code"])

    async def hang_up(self) -> None:
        await self.wire.send_input({"type": "websocket.disconnect", "code": 1006})
        await self.wire.wait(LIMIT_S)


@asynccontextmanager
async def calling(key: str) -> AsyncIterator[Call]:
    call = Call(key)
    assert (await call.ring())["type"] == "websocket.accept"
    assert "name" in json.loads((await call.hear())["text"])
    try:
        yield call
    finally:
        await call.hang_up()


async def until(question: Any, what: str) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not await sync_to_async(question)():
            await asyncio.sleep(0.02)
    assert what


def refusals() -> int:
    return AuditEntry.objects.filter(action="host.call", outcome="refused").count()


def test_nothing_else_is_open_to_agents() -> None:
    assert [str(agent.pattern) for agent in asgi.agents] == ["agent/tunnel/"]


@pytest.mark.parametrize("what", ["none", "made up", "another's secret", "a page's", "another scheme"])
async def test_who_has_no_key_is_told_nothing(issued: IssuedKey, what: str) -> None:
    credential = Credential.parse(issued.text)
    assert credential is not None
    key = {"none": "", "made up": Credential.new().text, "another's secret": f"naru_{credential.prefix}_{'x' * 43}"}
    call = Call(
        key.get(what, issued.text),
        origin="http://localhost" if what == "a page's" else "",
        word="Basic" if what == "another scheme" else "Bearer",
    )
    assert await call.ring() == {"type": "websocket.close", "code": ENDED}
    await call.wire.wait(LIMIT_S)
    if what != "a page's":
        entry = await AuditEntry.objects.filter(action="host.call", outcome="refused").afirst()
        assert entry is not None
        assert credential.secret not in str(entry.details)


async def test_bad_keys_are_on_record_until_there_are_too_many(issued: IssuedKey) -> None:
    for _ in range(24):
        call = Call(Credential.new().text)
        await call.ring()
        await call.wire.wait(LIMIT_S)
    assert 20 <= await sync_to_async(refusals)() <= 22
    # a good one from there is let in all the same
    async with calling(issued.text):
        pass


async def test_who_asks_only_who_it_is_ends_no_call(issued: IssuedKey) -> None:
    async with calling(issued.text):
        await until(lambda: Host.objects.get().is_called, "nobody was heard")
        before = await Host.objects.aget()
        asking = Call(issued.text, query=b"ask=who")
        assert (await asking.ring())["type"] == "websocket.accept"
        told = Welcome.decoded((await asking.hear())["text"])
        assert await asking.closing() == 1000
        await asking.wire.wait(LIMIT_S)
        assert told == Welcome("b1", host_key(settings.SECRET_KEY, "b1", before.signing_salt))
        assert (await Host.objects.aget()).call_id == before.call_id


async def test_an_engine_is_reached_by_the_call_and_not_without(issued: IssuedKey, tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"Warnings": "from behind the agent"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n")
        writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(answer, tmp_path / "engine.sock")
    address = issued.host.address
    assert address == f"agent://{issued.host.pk}"
    async with connect(address) as engine:
        with pytest.raises(Unavailable, match="its agent does not call"):
            await engine.json("info")
    async with calling(issued.text) as call:
        wire = Wire(call.say, opens=lambda: engine_at(f"unix://{tmp_path}/engine.sock"))

        async def passing() -> None:
            while "bytes" in (event := await call.hear()):
                wire.take(event["bytes"])

        agent = asyncio.create_task(passing())
        await until(socket_path(issued.host.pk).exists, "no socket")
        async with connect(address) as engine:
            assert await engine.json("info") == {"Warnings": "from behind the agent"}
        agent.cancel()
        await asyncio.gather(agent, return_exceptions=True)
        await wire.close()
    assert not socket_path(issued.host.pk).exists()
    server.close()


async def test_the_second_call_with_a_key_ends_the_first_and_is_on_record(issued: IssuedKey) -> None:
    async with calling(issued.text) as first:
        await until(lambda: Host.objects.get().is_called, "nobody was heard")
        async with calling(issued.text):
            assert await first.closing() == REPLACED
            await until(socket_path(issued.host.pk).exists, "the second call has no socket")
    entries = [entry async for entry in AuditEntry.objects.filter(action="host.call", outcome="allowed")]
    assert sorted(bool(entry.details.get("replaced")) for entry in entries) == [False, True]


async def test_calls_from_one_place_are_one_row(issued: IssuedKey) -> None:
    for _ in range(3):
        async with calling(issued.text):
            pass
    assert await AuditEntry.objects.filter(action="host.call", outcome="allowed").acount() == 1


@pytest.mark.parametrize("how", ["renewed", "revoked", "renamed", "removed"])
async def test_a_call_ends_with_what_it_was_let_in_for(issued: IssuedKey, how: str) -> None:
    act = {
        "renewed": lambda: renew_key(administrator(), "b1"),
        "revoked": lambda: revoke_key(administrator(), "b1"),
        "renamed": lambda: rename_host(administrator(), "b1", new_name="b2"),
        "removed": lambda: remove_host(administrator(), "b1"),
    }
    async with calling(issued.text) as call:
        await until(lambda: Host.objects.get().is_called, "nobody was heard")
        await sync_to_async(act[how])()
        assert await call.closing() == ENDED
        await call.wire.wait(LIMIT_S)
        again = Call(issued.text)
        answer = (await again.ring())["type"]
        # a host that was renamed keeps its key
        assert answer == ("websocket.accept" if how == "renamed" else "websocket.close")
        if how == "renamed":
            assert Welcome.decoded((await again.hear())["text"]).name == "b2"
            await again.hang_up()
        else:
            await again.wire.wait(LIMIT_S)


@pytest.mark.parametrize("message", [Frame(Kind.OPEN, 1).encoded(), b"", b"nonsense", b"D" + bytes(70_000)])
async def test_an_agent_that_asks_for_anything_is_hung_up_on(issued: IssuedKey, message: bytes) -> None:
    async with calling(issued.text) as call:
        await call.say(message)
        assert await call.closing() == MALFORMED


async def test_a_host_whose_agent_has_gone_is_stale_within_twenty_seconds(issued: IssuedKey) -> None:
    async with calling(issued.text):
        await until(lambda: Host.objects.get().is_called, "nobody was heard")
    host = await Host.objects.aget()
    host.state, host.last_seen_at = Host.State.REACHABLE, timezone.now()
    assert not host.is_stale
    host.heard_at = timezone.now() - timedelta(seconds=16)
    # though the agent still tells what is there, by another way
    assert host.is_stale


async def test_the_agent_s_reports_leave_the_call_alone(issued: IssuedKey) -> None:
    async with calling(issued.text):
        await until(lambda: Host.objects.get().is_called, "nobody was heard")
        before = await Host.objects.aget()
        await sync_to_async(host_seen)("b1", at=timezone.now(), info={"cpus": 2})
        after = await Host.objects.aget()
        assert (after.call_id, after.key_hash, after.info) == (before.call_id, before.key_hash, {"cpus": 2})
