"""Bringing a blob to a registry: found there, mounted from another of its repositories, or sent, and resumed."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from enum import Enum

from aiohttp import ClientResponse
from yarl import URL

from engine.model.digest import Digest
from engine.model.errors import EngineError, Invalid
from engine.model.transfer import LayerStep, Tell
from engine.registry.client import RegistryClient
from engine.registry.failures import Busy, Unreachable
from engine.registry.retrying import Patience
from engine.store.content import ContentStore

_CHUNK = 256 << 10
_TELL_EVERY_S = 0.1
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,15})")
_STREAM = {"Content-Type": "application/octet-stream"}


class Brought(Enum):
    PRESENT = "present"
    MOUNTED = "mounted"
    SENT = "sent"


async def bring_blob(
    client: RegistryClient,
    digest: Digest,
    content: ContentStore,
    *,
    siblings: Sequence[str] = (),
    shown: str = "",
    tell: Tell,
) -> tuple[Brought, str]:
    """How ``digest`` came to be in the client's repository, and the sibling it was mounted from.

    ``siblings`` are repositories of the same registry that may have it. ``shown`` is the layer's name in progress.
    """
    size = content.size(digest)
    if await client.has_blob(digest, size):
        return Brought.PRESENT, ""
    location: URL | None = None
    for sibling in siblings:
        try:
            location = await _begin(client, {"mount": str(digest), "from": sibling}, siblings=[sibling])
        except EngineError:  # we may have no business there; sending it is always possible
            continue
        if location is None:
            return Brought.MOUNTED, sibling
    await _Upload(client, digest, content, size, shown, tell).run(location)
    return Brought.SENT, ""


async def _begin(client: RegistryClient, query: dict[str, str], *, siblings: Sequence[str] = ()) -> URL | None:
    """Where to send to; None when the registry mounted what was asked for."""
    url = client.url("blobs", "uploads", "").with_query(query)
    scopes = client.scopes | {f"repository:{sibling}:pull" for sibling in siblings}
    async with await client.request("POST", url, scopes=scopes, wanted=(201, 202)) as response:
        return None if response.status == 201 and query else _location(response, url)


def _location(response: ClientResponse, url: URL) -> URL:
    text = response.headers.get("Location", "")
    try:
        return url.join(URL(text)) if text else url
    except ValueError as error:
        raise Invalid(f"{url.host}: names a place to upload to that is no address: {text[:80]!r}") from error


class _Upload:
    def __init__(
        self, client: RegistryClient, digest: Digest, content: ContentStore, size: int, shown: str, tell: Tell
    ) -> None:
        self._client = client
        self._digest = digest
        self._content = content
        self._size = size
        self._shown = shown
        self._tell = tell
        self._told_at = 0.0

    async def run(self, location: URL | None) -> None:
        patience = Patience()
        offset = 0
        while True:
            try:
                if location is None:
                    location, offset = await _begin(self._client, {}), 0
                assert location is not None
                location = await self._send(location, offset)
                return await self._close(location)
            except (Unreachable, Busy) as error:
                await patience.wait(error)
                location, offset = await self._resumption(location)

    async def _send(self, location: URL, offset: int) -> URL:
        headers = {**_STREAM, "Content-Length": str(self._size - offset)}
        if offset:
            headers["Content-Range"] = f"{offset}-{self._size - 1}"
        async with await self._client.request(
            "PATCH", location, headers=headers, body=lambda: self._pieces(offset), wanted=(202, 204), retried=False
        ) as response:
            return _location(response, location)

    async def _close(self, location: URL) -> None:
        url = location.update_query({"digest": str(self._digest)})
        async with await self._client.request("PUT", url, wanted=(201, 204), retried=False):
            return

    async def _resumption(self, location: URL | None) -> tuple[URL | None, int]:
        """Where to go on, as far as the registry still knows of the upload; else from the beginning."""
        if location is None:
            return None, 0
        try:
            async with await self._client.request("GET", location, wanted=(204, 404), retried=False) as response:
                match = _RANGE.fullmatch(response.headers.get("Range", ""))
                if response.status == 404 or match is None:
                    return None, 0
                offset = int(match[1]) + 1 if match[1] != "0" else 0
                return (_location(response, location), offset) if offset < self._size else (None, 0)
        except (Unreachable, Busy):
            return None, 0

    async def _pieces(self, offset: int) -> AsyncIterator[bytes]:
        sent = offset
        with self._content.open(self._digest) as file:
            file.seek(offset)
            while piece := await asyncio.to_thread(file.read, _CHUNK):
                yield piece
                sent += len(piece)
                now = time.monotonic()
                if self._shown and now - self._told_at >= _TELL_EVERY_S:
                    self._told_at = now
                    self._tell(LayerStep(self._shown, "Pushing", sent, self._size))
