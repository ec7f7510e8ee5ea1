"""Answers that are longer than memory: taken piece by piece, also where the server answers many at once.

Such a server takes a plain iterator into memory whole before it sends the first byte.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import BinaryIO

from asgiref.sync import sync_to_async

FILE_PIECE_BYTES = 256 * 1024
PIECE_BYTES = 64 * 1024


async def in_pieces(given: Iterable[str | bytes]) -> AsyncGenerator[bytes, None]:
    """Joined to some 64 KiB. Each is taken in the request's own thread, to which its database connection belongs."""
    left = iter(given)
    take = sync_to_async(_take)
    while piece := await take(left):
        yield piece


def _take(left: Iterator[str | bytes]) -> bytes:
    found, size = [], 0
    for one in left:
        piece = one.encode() if isinstance(one, str) else one
        found.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            break
    return b"".join(found)


async def file_pieces(opens: Callable[[], BinaryIO]) -> AsyncGenerator[bytes, None]:
    """All of the file that ``opens`` opens."""
    file = await asyncio.to_thread(opens)
    try:
        while piece := await asyncio.to_thread(file.read, FILE_PIECE_BYTES):
            yield piece
    finally:
        file.close()
