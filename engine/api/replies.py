"""Answers: one JSON value, nothing, or a stream."""

from types import TracebackType
from typing import Self

from aiohttp import web

from engine.api.errors import report_unexpected
from engine.model.errors import EngineError
from engine.wire.encode import encode, encode_error, encode_line, encode_stream_error


def json_reply(value: object, *, status: int = 200) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type="application/json")


def error_reply(message: str, *, status: int) -> web.Response:
    return web.Response(body=encode_error(message), status=status, content_type="application/json")


def no_content() -> web.Response:
    return web.Response(status=204)


class JsonLines:
    """A stream of JSON objects, begun by the first of them.

    Use as a context: an error before the first object leaves as it is and becomes a status; after it, the error is
    the stream's last object, as Docker has it.
    """

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.response = web.StreamResponse(headers={"Content-Type": "application/json"})

    async def write(self, value: object) -> None:
        await self._write(encode_line(value))

    async def fail(self, message: str, *, code: int | None = None) -> None:
        await self._write(encode_stream_error(message, code=code))

    async def begin(self) -> None:
        if not self.response.prepared:
            await self.response.prepare(self._request)

    async def _write(self, line: bytes) -> None:
        await self.begin()
        await self.response.write(line)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not self.response.prepared or isinstance(error, ConnectionError):
            return False
        if isinstance(error, EngineError):
            await self.fail(str(error), code=getattr(error, "code", None))
            return True
        if isinstance(error, Exception):
            await self.fail(report_unexpected(self._request.path))
            return True
        return False
