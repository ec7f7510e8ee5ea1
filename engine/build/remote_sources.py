"""What ADD, or a whole build, takes from elsewhere: files by http(s), and git repositories."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from engine.build.context import Context, received_context
from engine.build.copying import is_archive
from engine.build.download import Checksum, download
from engine.build.git import Repository, fetched, find_repository
from engine.build.instructions import Copy
from engine.build.lexer import LARGEST_DOCKERFILE_BYTES
from engine.build.rooms import Rooms
from engine.build.rootfs import Rootfs
from engine.build.sources import Source
from engine.build.threads import in_thread
from engine.build.workshop import Workshop
from engine.config import RegistryConfig
from engine.host.archive import Entry
from engine.host.archive_write import encode_header
from engine.model.errors import EngineError, Invalid

_URL = re.compile(r"https?://", re.IGNORECASE)
_BLOCK = 512
_CHUNK = 1 << 20


async def remote_sources(
    workshop: Workshop, add: Copy, texts: Sequence[str], held: AsyncExitStack
) -> dict[str, list[Source]]:
    """Those of ``texts`` that are elsewhere, fetched and kept as long as ``held`` is. Raises what fetching raises."""
    try:
        checksum = Checksum.parse(add.checksum) if add.checksum else None
        if checksum and (len(texts) != 1 or not _URL.match(texts[0]) or find_repository(texts[0])):
            raise Invalid("--checksum needs exactly one source, and that an http or https address of a file")
        found: dict[str, list[Source]] = {}
        for text in texts:
            if repository := find_repository(text):
                found[text] = await _repository(workshop, repository, held, keeps_git=add.keeps_git)
            elif _URL.match(text):
                found[text] = [await _file(workshop, text, checksum, held)]
        return found
    except EngineError as error:
        raise type(error)(f"ADD failed: {error}") from error


async def _file(workshop: Workshop, text: str, checksum: Checksum | None, held: AsyncExitStack) -> Source:
    await workshop.say(f"Downloading {text.partition('?')[0]}\n")
    room = held.enter_context(workshop.services.rooms.room())
    name = await download(text, room, config=workshop.services.outside, checksum=checksum)
    return await in_thread(_only, room, name)


def _only(room: Path, name: str) -> Source:
    tree = Rootfs(room)
    node = tree.lookup(name)
    if node is None:
        raise RuntimeError(f"{name[:80]!r} was saved just now")
    return Source(name, node, tree, is_remote=True)


async def _repository(
    workshop: Workshop, repository: Repository, held: AsyncExitStack, *, keeps_git: bool
) -> list[Source]:
    await workshop.say(f"Fetching {repository.url}#{repository.fetched}\n")
    room = held.enter_context(workshop.services.rooms.room())
    files = fetched(repository, room, config=workshop.services.outside, keeps_git=keeps_git)
    context = await held.enter_async_context(files)
    sources = [await in_thread(_whole, context)]
    return [*sources, await in_thread(_whole, Rootfs(room))] if keeps_git else sources


def _whole(tree: Context | Rootfs) -> Source:
    node = tree.lookup("")
    if node is None:
        raise RuntimeError("every tree has a root")
    return Source("", node, tree, is_remote=True)


@asynccontextmanager
async def remote_context(text: str, rooms: Rooms, *, config: RegistryConfig) -> AsyncIterator[Context]:
    """The context that ``remote`` names: a repository, a tar, or a text that then is the Dockerfile."""
    with rooms.room() as room:
        if repository := find_repository(text, is_context=True):
            async with fetched(repository, room, config=config) as context:
                yield context
            return
        if not _URL.match(text):
            raise Invalid(f"remote: {text[:80]!r} is neither an http or https address nor a git repository")
        source = await in_thread(_only, room, await download(text, room, config=config, name="remote"))
        is_tar = await in_thread(is_archive, source)
        async with received_context(_file_chunks(room / "remote", is_tar=is_tar), spool_root=room) as context:
            yield context


@asynccontextmanager
async def remote_archive(text: str, rooms: Rooms, *, config: RegistryConfig) -> AsyncIterator[AsyncIterator[bytes]]:
    """The bytes of the file at the address ``text``. Raises what fetching raises, before the first of them."""
    with rooms.room() as room:
        await download(text, room, config=config, name="archive")
        yield _chunks(room / "archive")


async def _file_chunks(path: Path, *, is_tar: bool) -> AsyncIterator[bytes]:
    """The tar at ``path``, or one that has what is at ``path`` as its Dockerfile."""
    size = path.stat().st_size
    if not is_tar:
        if size > LARGEST_DOCKERFILE_BYTES:
            raise Invalid(f"remote: neither a tar nor a Dockerfile: {size} bytes")
        yield encode_header(Entry(b"Dockerfile", size_bytes=size))
    async for piece in _chunks(path):
        yield piece
    if not is_tar:
        yield bytes(-size % _BLOCK + 2 * _BLOCK)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await in_thread(file.read, _CHUNK):
            yield piece
