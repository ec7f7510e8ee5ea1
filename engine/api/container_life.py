"""Containers as processes: start to remove, and waiting for the end."""

from typing import Final

from aiohttp import web

from engine.api.call import Call
from engine.api.replies import no_content
from engine.containers.waiting import WaitCondition
from engine.model.errors import Invalid, Unsupported
from engine.wire.encode import encode
from engine.wire.query import Query
from engine.wire.text import shown
from engine.wire.version import STOP_SIGNAL_FROM, WAIT_CONDITION_FROM

_LARGEST_SIDE: Final = 65535


async def start(call: Call) -> web.Response:
    if call.query.text("checkpoint") or call.query.text("checkpoint-dir"):
        raise Unsupported("checkpoint: checkpoints are not supported by this engine")
    await call.refuse_body("starting container with non-empty request body was deprecated since API v1.22 and removed")
    await call.finish(call.parts.containers.start(call.name))
    return no_content()


async def stop(call: Call) -> web.Response:
    timeout_s, signal = call.query.find_number("t"), _stop_signal(call)
    await call.finish(call.parts.containers.stop(call.name, timeout_s=timeout_s, signal=signal))
    return no_content()


async def restart(call: Call) -> web.Response:
    timeout_s, signal = call.query.find_number("t"), _stop_signal(call)
    await call.finish(call.parts.containers.restart(call.name, timeout_s=timeout_s, signal=signal))
    return no_content()


def _stop_signal(call: Call) -> str:
    return call.query.text("signal", longest=40) if call.version >= STOP_SIGNAL_FROM else ""


async def kill(call: Call) -> web.Response:
    await call.finish(call.parts.containers.kill(call.name, signal=call.query.text("signal", longest=40)))
    return no_content()


async def pause(call: Call) -> web.Response:
    await call.finish(call.parts.containers.pause(call.name))
    return no_content()


async def unpause(call: Call) -> web.Response:
    await call.finish(call.parts.containers.unpause(call.name))
    return no_content()


async def rename(call: Call) -> web.Response:
    to = call.query.text("name")
    if not to:
        raise Invalid("Neither old nor new names may be empty")
    await call.finish(call.parts.containers.rename(call.name, to=to))
    return no_content()


def terminal_size(query: Query) -> tuple[int, int]:
    """Height and width."""
    height = query.find_number("h", least=0, most=_LARGEST_SIDE)
    width = query.find_number("w", least=0, most=_LARGEST_SIDE)
    if height is None or width is None:
        raise Invalid("h and w: the terminal's height and width are needed")
    return height, width


async def resize(call: Call) -> web.Response:
    height, width = terminal_size(call.query)
    await call.parts.containers.resize(call.name, height=height, width=width)
    return web.Response(status=200)


async def remove(call: Call) -> web.Response:
    if call.query.flag("link"):
        await call.finish(call.parts.containers.remove_link(call.name))
        return no_content()
    force, with_volumes = call.query.flag("force"), call.query.flag("v")
    await call.finish(call.parts.containers.remove(call.name, force=force, with_volumes=with_volumes))
    return no_content()


def _wait_condition(call: Call) -> WaitCondition:
    if call.version < WAIT_CONDITION_FROM:
        return WaitCondition.NOT_RUNNING
    text = call.query.text("condition", WaitCondition.NOT_RUNNING)
    if text not in list(WaitCondition):
        raise Invalid(f"condition: invalid condition: {shown(text)}: expected one of {', '.join(WaitCondition)}")
    return WaitCondition(text)


async def wait(call: Call) -> web.StreamResponse:
    """The headers go out at once: the docker CLI starts the container only when it has them."""
    waiter = call.parts.containers.wait(call.name, condition=_wait_condition(call))
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    try:
        if call.version >= WAIT_CONDITION_FROM:
            await response.prepare(call.request)
        end = await waiter.exit()
        await response.prepare(call.request)
    finally:
        waiter.cancel()
    answer: dict[str, object] = {"StatusCode": end.code}
    if end.error:
        answer["Error"] = {"Message": end.error}
    await response.write(encode(answer))
    return response
