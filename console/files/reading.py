"""What of a container's files pages show, read from its engine as it is asked for."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from asgiref.sync import async_to_sync

from console.containers.models import Container
from console.containers.present import read_present
from console.containers.specs.spec import Mount
from console.files.differences import Difference, difference
from console.files.texts import read_text
from console.hosts import files
from console.hosts.files import Changes, Directory, File, Piece
from console.hosts.gateway import connect
from console.images.queries import find_image
from console.operations.errors import Invalid, Missing, Unavailable

PREVIEW_BYTES = 256 * 1024
COMPARED_BYTES = 512 * 1024


async def directory(address: str, engine_id: str, path: str) -> Directory:
    """Raises Missing, and Invalid for what is no directory."""
    async with connect(address) as engine:
        return await files.list_directory(engine, engine_id, path)


async def piece(address: str, engine_id: str, path: str) -> Piece:
    """The first PREVIEW_BYTES of a file. Raises Missing, and Invalid for what is no file."""
    async with connect(address) as engine:
        return await files.read_piece(engine, engine_id, path, limit_bytes=PREVIEW_BYTES)


async def stat(address: str, engine_id: str, path: str) -> File:
    """What is there, links followed. Raises Missing."""
    async with connect(address) as engine, files.open_at_end(engine, engine_id, path) as (file, _chunks):
        return file


async def changes(address: str, engine_id: str) -> Changes:
    async with connect(address) as engine:
        return await files.list_changes(engine, engine_id)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a fresh container in its place would be without, and what stays.

    ``unsaid``: members of Docker's that no specification says. ``names_another``: the name of its image means another
    one by now.
    """

    changes: Changes
    volumes: tuple[Mount, ...]
    unsaid: tuple[str, ...]
    names_another: bool


def loss(container: Container) -> Loss:
    """Raises Missing and Unavailable as its engine answers."""
    now = read_present(container)
    found = async_to_sync(changes)(container.host.address, container.engine_id)
    image = find_image(container.host, now.spec.image, workspace=container.workspace)
    is_another = image is not None and image.engine_id != container.image_engine_id
    return Loss(found, now.spec.mounts, now.lost, is_another)


@dataclass(frozen=True, slots=True)
class Compared:
    """A file now and in the image, None where it is not. ``difference`` is None unless both are texts, or one is and
    the other is not there.
    """

    old: Piece | None
    new: Piece | None
    difference: Difference | None = None

    @property
    def is_too_large(self) -> bool:
        return any(piece is not None and not piece.is_whole for piece in (self.old, self.new))

    @property
    def is_same(self) -> bool:
        return self.old is not None and self.new is not None and self.old.content == self.new.content


async def compared(address: str, engine_id: str, path: str, *, image: str) -> Compared:
    """Raises Missing when the file is neither in the container nor in ``image``, its id."""
    async with connect(address) as engine:
        new = await _if_file(lambda: files.read_piece(engine, engine_id, path, limit_bytes=COMPARED_BYTES))
        old = await _if_file(
            lambda: files.read_piece_of_image(engine, engine_id, path, image=image, limit_bytes=COMPARED_BYTES)
        )
    if old is None and new is None:
        raise Missing(f"{files.shown(path)}: neither the container nor its image has such a file")
    # a thread: comparing two long texts takes a while
    return await asyncio.to_thread(_compare, old, new)


async def _if_file(read: Callable[[], Awaitable[Piece]]) -> Piece | None:
    try:
        return await read()
    except (Missing, Invalid):
        return None


def _compare(old: Piece | None, new: Piece | None) -> Compared:
    both = [piece for piece in (old, new) if piece is not None]
    texts = {id(piece): read_text(piece.content, is_whole=piece.is_whole) for piece in both}
    if not all(text.is_text for text in texts.values()):
        return Compared(old, new)
    before, after = ("" if piece is None else texts[id(piece)].text for piece in (old, new))
    return Compared(old, new, difference(before, after))


@dataclass(slots=True)
class Sent:
    """What of a download has gone out until now."""

    size_bytes: int = 0
    sha256: str = ""
    is_whole: bool = False


async def content(address: str, engine_id: str, path: str, *, like: File, sent: Sent) -> AsyncGenerator[bytes, None]:
    """A file's bytes, or a tar of a directory. Unavailable, in the middle, when it is not ``like`` what was told.

    ``sent`` is right whenever this has yielded or ended.
    """
    digest = hashlib.sha256()
    async with connect(address) as engine, files.open_at_end(engine, engine_id, path) as (file, chunks):
        if file.kind != like.kind or (file.kind == "file" and file.size_bytes != like.size_bytes):
            raise Unavailable(f"{files.shown(path)} was changed meanwhile")
        async with aclosing(files.content_of(file, chunks)) as pieces:
            async for piece in pieces:
                digest.update(piece)
                sent.size_bytes += len(piece)
                sent.sha256 = digest.hexdigest()
                yield piece
    sent.sha256 = digest.hexdigest()
    sent.is_whole = True
