"""How a registry can fail us, and its own words about that as ours."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientError, ClientResponse
from yarl import URL

from engine.model.errors import Denied, EngineError, Invalid, Missing, TooLarge, Unauthenticated, Unavailable
from engine.wire.json_body import parse_object

_LONGEST_COMPLAINT = 64 << 10
_SHOWN = 300
_UNSAID = {  # Docker's words, for answers without a body
    401: "unauthorized: authentication required",
    403: "denied: requested access to the resource is denied",
}


class Unreachable(Unavailable):
    """No connection, or one that broke or stalled: trying again may help."""


class AccessDenied(Denied):
    """The registry's own no, not one of our rules."""


class Untrusted(Unavailable):
    """The server's certificate is not one we take: trying otherwise must not help."""


class Busy(Unavailable):
    """The registry says that it cannot just now: 429 or 5xx. ``wait_s`` is what it asks for, 0 when nothing."""

    def __init__(self, message: str, *, wait_s: float = 0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


async def refusal(response: ClientResponse, what: str) -> EngineError:
    """The error for an answer that is none of those wanted; reads its body."""
    said = f"{what}: {await _complaint(response)}"
    status = response.status
    if status == 401:
        return Unauthenticated(said)
    if status == 403:
        return AccessDenied(said)
    if status == 404:
        return Missing(said)
    if status == 413:
        return TooLarge(said)
    if status == 429 or status >= 500:
        return Busy(said, wait_s=_seconds(response.headers))
    return Unavailable(said)


async def _complaint(response: ClientResponse) -> str:
    try:
        body = await read_limited(response, _LONGEST_COMPLAINT, what="an error")
        errors: Any = parse_object(body).get("errors")
        texts = [f"{str(one['code']).lower().replace('_', ' ')}: {one.get('message') or 'unknown'}" for one in errors]
        return printable("; ".join(texts) or f"status {response.status}")
    except (EngineError, TypeError, KeyError, AttributeError):
        unsaid = f"status {response.status} {printable(response.reason or '')}".rstrip()
        return _UNSAID.get(response.status, unsaid)


@asynccontextmanager
async def answered_within(limit_s: float, url: URL) -> AsyncIterator[None]:
    """For small answers, which a server could otherwise let drip for ever."""
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError as error:
        raise Unreachable(f"{url.origin()}{url.path}: no whole answer within {limit_s:g} s") from error


def _seconds(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def told(error: BaseException) -> str:
    """Without what aiohttp tells of its own objects; some errors have no text at all."""
    plain = getattr(error, "os_error", error)
    return getattr(plain, "strerror", None) or str(plain) or type(error).__name__


def printable(text: str) -> str:
    """What a registry says, fit for a terminal."""
    return "".join(character if character.isprintable() else " " for character in text[:_SHOWN])


async def read_limited(response: ClientResponse, most: int, *, what: str) -> bytes:
    """The whole body. Raises TooLarge without reading on, Unreachable when it breaks off."""
    if (response.content_length or 0) > most:
        raise TooLarge(f"{response.host}: {what} has {response.content_length} bytes, at most {most} are read")
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > most:
                raise TooLarge(f"{response.host}: {what} has more than {most} bytes")
    except (ClientError, OSError, TimeoutError) as error:
        raise Unreachable(f"{response.host}: the connection broke while {what} was read") from error
    return bytes(body)


def parsed(body: bytes, *, what: str) -> dict[str, Any]:
    """A JSON object within our limits. Raises Invalid, naming ``what``."""
    try:
        return parse_object(body)
    except (Invalid, TooLarge) as error:
        raise Invalid(f"{what}: {error}") from error
