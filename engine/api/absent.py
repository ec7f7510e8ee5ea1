"""What Docker has and this engine has not: answered clearly, so that a client need not guess."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from engine.api.call import Call
from engine.api.replies import error_reply, json_reply
from engine.model.errors import Missing, Unsupported

_NO_SWARM: Final = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)


def no(what: str) -> Callable[[Call], Awaitable[web.StreamResponse]]:
    async def answer(_: Call) -> web.StreamResponse:
        raise Unsupported(f"this engine has no {what}")

    return answer


async def no_swarm(_: Call) -> web.StreamResponse:
    """What asks a manager hears the same from any node that is none, and clients know how to go on."""
    return error_reply(_NO_SWARM, status=503)


async def not_in_a_swarm(_: Call) -> web.StreamResponse:
    return error_reply("This node is not part of a swarm", status=503)


async def no_buildkit(_: Call) -> web.StreamResponse:
    raise Unsupported("BuildKit is not supported by this engine: set DOCKER_BUILDKIT=0 to use the classic builder")


async def no_plugins(_: Call) -> web.StreamResponse:
    return json_reply([])


async def no_such_plugin(call: Call) -> web.StreamResponse:
    raise Missing(f'plugin "{call.name}" not found')
