"""The websocket that an agent opens: plain ASGI, since every byte of logs, terminals and files passes through it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError

from console.hosts import calls
from console.hosts.calls import Called
from console.hosts.signing_key import host_key
from console.hosts.tunnel.frames import ENDED, MALFORMED, SILENT, BadFrame, Welcome
from console.hosts.tunnel.serving import offered
from console.hosts.tunnel.wire import Silent, Wire
from console.live.doorbell import group_of
from console.operations.errors import Denied

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def tunnel(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """From the agent's first request to the end of its call. ``?ask=who`` only answers who it is."""
    await receive()
    text, address = _bearer(scope), str((scope.get("client") or [""])[0])
    is_asking = scope.get("query_string") == b"ask=who"
    try:
        if _is_from_a_page(scope):
            raise Denied("agents do not come from pages")
        called = await sync_to_async(calls.who_is if is_asking else calls.take_call)(text, address=address)
    except Denied:
        # before it is accepted: an HTTP answer, 403
        await send({"type": "websocket.close", "code": ENDED})
        return
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": _welcome(called).encoded()})
    if is_asking:
        await send({"type": "websocket.close", "code": 1000})
        return
    code = 1012
    try:
        code = await _hold(called, receive, send)
    finally:
        await sync_to_async(calls.end_call)(called)
        await _hang_up(send, code)


async def _hold(called: Called, receive: Receive, send: Send) -> int:
    """The code to hang up with; 0 when the agent has."""

    async def put(message: bytes) -> None:
        await send({"type": "websocket.send", "bytes": message})

    wire = Wire(put)
    async with offered(called.host_pk, wire):
        log.info("agent called", host=called.name)
        tasks = [
            asyncio.create_task(work) for work in (_read(receive, wire), wire.keep(), _until_dismissed(called, wire))
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result() or 0
        except BadFrame as error:
            log.error("agent hung up on: it does not keep to the protocol", host=called.name, why=str(error))
            return MALFORMED
        except Silent:
            return SILENT
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            log.info("agent's call is over", host=called.name)


async def _read(receive: Receive, wire: Wire) -> None:
    while (event := await receive())["type"] == "websocket.receive":
        message = event.get("bytes")
        if message is None:
            raise BadFrame("a text")
        wire.take(message)


async def _until_dismissed(called: Called, wire: Wire) -> int:
    """Look whether the call still counts: when something about calls has changed, and every LOOK_EVERY_S anyway."""
    bell = asyncio.Event()
    ringing = asyncio.create_task(_ring(bell))
    heard_at = 0.0
    try:
        while True:
            heard, heard_at = wire.heard_at > heard_at, wire.heard_at
            try:
                if code := await sync_to_async(calls.keep_call)(called, heard=heard):
                    return code
            except DatabaseError as error:
                # what cannot be asked now is asked again; streams go on
                log.warning("agent's call not looked at", host=called.name, why=str(error))
            bell.clear()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await bell.wait()
            except TimeoutError:
                pass
    finally:
        ringing.cancel()
        await asyncio.gather(ringing, return_exceptions=True)


async def _ring(bell: asyncio.Event) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    while True:
        try:
            channel = await layer.new_channel()
            await layer.group_add(group_of(calls.TOPIC), channel)
            while True:
                await layer.receive(channel)
                bell.set()
        except Exception as error:  # noqa: BLE001 - Redis is away, in whatever words; looking goes on without bells
            log.warning("no bells for calls of agents", why=str(error))
            await asyncio.sleep(LOOK_EVERY_S)


def _welcome(called: Called) -> Welcome:
    return Welcome(called.name, host_key(settings.SECRET_KEY, called.name, called.signing_salt))


async def _hang_up(send: Send, code: int) -> None:
    try:
        await send({"type": "websocket.close", "code": code or 1000})
    except (OSError, RuntimeError) as error:
        log.debug("nobody there to hang up on", why=str(error))


def _header(scope: dict[str, Any], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _bearer(scope: dict[str, Any]) -> str:
    word, _, text = _header(scope, b"authorization").partition(" ")
    return text if word.lower() == "bearer" else ""


def _is_from_a_page(scope: dict[str, Any]) -> bool:
    return bool(_header(scope, b"origin"))
