"""What is the same for every request: version, headers, and errors as JSON."""

import asyncio
import logging
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from engine import __version__
from engine.api.errors import report_unexpected, status_of
from engine.api.hijack import is_cut
from engine.api.replies import error_reply
from engine.model.errors import EngineError, NotModified
from engine.wire.version import CURRENT

_log = logging.getLogger(__name__)
HEADERS: Final = {
    "Api-Version": str(CURRENT),
    "Docker-Experimental": "false",
    "Ostype": "linux",
    hdrs.SERVER: f"Naru/{__version__} (linux)",
}


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """For aiohttp's ``on_response_prepare``."""
    response.headers.update(HEADERS)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure as ``{"message": …}``. One that comes after the answer has begun can only end the connection."""
    try:
        return await handler(request)
    except web.HTTPException as error:  # aiohttp's own: no such route or method
        known = {404: "page not found", 405: "page not found"}
        status = 404 if error.status in known else error.status
        reply = error_reply(known.get(error.status, error.reason), status=status)
    except NotModified:
        return web.Response(status=304)
    except EngineError as error:
        reply = error_reply(str(error), status=status_of(error))
    except (ConnectionError, asyncio.CancelledError):
        raise
    # the outermost loop of a request: a bug in answering one must not end the engine
    except Exception:  # noqa: BLE001
        reply = error_reply(report_unexpected(f"{request.method} {request.path}"), status=500)
    if is_cut(request) or not request.content.is_eof():
        reply.force_close()  # what follows is no other request
    return reply
