"""Fetching a blob into the store: verified while it comes, resumed when the connection breaks."""

import asyncio
import time
from contextlib import ExitStack

from aiohttp import ClientError, ClientResponse

from engine.model.errors import Invalid, Missing
from engine.model.transfer import LayerStep, Tell
from engine.registry.client import RegistryClient
from engine.registry.documents import Descriptor
from engine.registry.failures import Busy, Unreachable, told
from engine.registry.retrying import Patience
from engine.store.content import ContentStore, Ingest

_BATCH = 1 << 20
_TELL_EVERY_S = 0.1
_WINDOW_S = 30
_LEAST_BYTES = 32 << 10


async def download(client: RegistryClient, blob: Descriptor, content: ContentStore, tell: Tell) -> None:
    """``blob`` in the store, without syncing: that is up to whoever makes a row for it.

    Raises Invalid when it is not what the descriptor says; nothing of it is kept then.
    """
    await _Download(client, blob, content, tell).run()


class _Download:
    def __init__(self, client: RegistryClient, blob: Descriptor, content: ContentStore, tell: Tell) -> None:
        self._client = client
        self._blob = blob
        self._content = content
        self._tell = tell
        self._told_at = 0.0
        self._furthest = 0
        self._patience = Patience()

    async def run(self) -> None:
        is_restarted = True
        while is_restarted:  # a server that knows no ranges begins anew, and so must the digest
            with ExitStack() as held:
                ingest = held.enter_context(self._content.ingest())
                is_restarted = not await self._fill(ingest)
                if not is_restarted:
                    await self._finish(ingest)

    async def _fill(self, ingest: Ingest) -> bool:
        """False when it has to be done again from the beginning."""
        while True:
            try:
                async with await self._client.open_blob(self._blob.digest, offset=ingest.size_bytes) as response:
                    if ingest.size_bytes and response.status == 200:
                        return False
                    self._check(response, ingest.size_bytes)
                    await self._receive(response, ingest)
                    return True
            except Missing as error:
                raise Missing(f"unknown blob {self._blob.digest}") from error
            except (Unreachable, Busy) as error:
                if ingest.size_bytes > self._furthest:
                    self._furthest = ingest.size_bytes
                    self._patience.renew()
                await self._patience.wait(error)

    def _check(self, response: ClientResponse, offset: int) -> None:
        """Before anything is read: whether the size is as the manifest says."""
        length, size = response.content_length, self._blob.size_bytes
        if length is not None and length != size - offset:
            raise Invalid(f"blob {self._blob.digest}: the manifest says {size} bytes, the registry {length + offset}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Invalid(f"blob {self._blob.digest}: comes encoded, which nobody asked for")
        if response.status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            raise Invalid(f"blob {self._blob.digest}: the registry sends another range than asked for")

    async def _receive(self, response: ClientResponse, ingest: Ingest) -> None:
        writer = _Writer(ingest)
        received, batch = ingest.size_bytes, bytearray()
        pace = _Pace()
        try:
            async for chunk in response.content.iter_any():
                batch += chunk
                received += len(chunk)
                pace.note(len(chunk))
                if received > self._blob.size_bytes:
                    raise Invalid(
                        f"blob {self._blob.digest}: has more than the {self._blob.size_bytes} bytes it should"
                    )
                if len(batch) >= _BATCH or received == self._blob.size_bytes:
                    await writer.write(bytes(batch))
                    batch.clear()
                    self._progress(received)
            await writer.settled()
        except (ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"{response.host}: the connection broke: {told(error)}") from error
        finally:
            await writer.end()
        if received < self._blob.size_bytes:
            raise Unreachable(f"blob {self._blob.digest}: ended after {received} of {self._blob.size_bytes} bytes")

    async def _finish(self, ingest: Ingest) -> None:
        layer = self._blob.digest.short
        self._tell(LayerStep(layer, "Verifying Checksum"))
        try:
            await asyncio.to_thread(ingest.commit, self._blob.digest, durable=False)
        except Invalid as error:
            raise Invalid(f"filesystem layer verification failed for digest {self._blob.digest}: {error}") from error
        self._tell(LayerStep(layer, "Download complete"))

    def _progress(self, received: int) -> None:
        now = time.monotonic()
        if now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            self._tell(LayerStep(self._blob.digest.short, "Downloading", received, self._blob.size_bytes))


class _Writer:
    """Hashes and writes in a thread, one piece after the other, while the next arrives."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self._writing: asyncio.Future[None] | None = None

    async def write(self, data: bytes) -> None:
        await self.settled()
        self._writing = asyncio.ensure_future(asyncio.to_thread(self._ingest.write, data))

    async def settled(self) -> None:
        """Raises what writing raised."""
        if self._writing is not None:
            await asyncio.shield(self._writing)
            self._writing = None

    async def end(self) -> None:
        """The ingest may be closed afterwards, whatever happened."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
            self._writing.exception()  # seen: another error is on its way


class _Pace:
    """A server that lets its bytes drip is as good as one that stalls."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._bytes = 0

    def note(self, size: int) -> None:
        self._bytes += size
        now = time.monotonic()
        if now - self._since < _WINDOW_S:
            return
        if self._bytes < _LEAST_BYTES:
            raise TimeoutError(f"{self._bytes} bytes in {_WINDOW_S} s")
        self._since, self._bytes = now, 0
