"""Images as files for whoever downloads them: straight from the engine, a few at a time."""

import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from asgiref.sync import async_to_sync
from django.utils.translation import gettext as _

from console.hosts.gateway import connect
from console.hosts.images import saved
from console.images.models import Image
from console.operations.errors import Missing, Unavailable

# each holds a connection to an engine that reads its disk
MOST_AT_ONCE = 2
_room = threading.BoundedSemaphore(MOST_AT_ONCE)


class Download:
    """The bytes of a tar. ``close`` gives its place free, whether or not it was read to its end; Django calls it."""

    def __init__(self, address: str, names: Sequence[str]) -> None:
        if not _room.acquire(blocking=False):
            raise Unavailable(_("Other downloads of images are under way. Try again in a moment."), retry_after_s=30)
        self._address, self._names = address, list(names)
        self._is_open = True

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            _room.release()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async with connect(self._address) as engine, saved(engine, self._names) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self.close()


def download(image: Image) -> Download:
    """With all its names. Raises Missing or Unavailable before anything is sent, also when too many are under way."""
    found = async_to_sync(_find)(image.host.address, image.engine_id)
    if found is None:
        raise Missing(_("There is no image “%(id)s” on this host.") % {"id": image.short_id})
    return Download(image.host.address, image.references or [image.engine_id])


def file_name(image: Image) -> str:
    """Plain letters, whatever its name is."""
    name = str(image.references[0]) if image.references else image.short_id
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())
    return f"{plain.strip('-')[:80] or image.short_id}.tar"


async def _find(address: str, engine_id: str) -> str | None:
    with suppress(Missing):
        async with connect(address) as engine:
            return await engine.find_image_id(engine_id)
    return None
