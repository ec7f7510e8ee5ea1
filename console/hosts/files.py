"""Files of containers, by our engine's own endpoints or, on other engines, by what Docker's archives give.

A path is text that may hold bytes which are no UTF-8, as surrogates (``os.fsdecode``), and begins with a slash.
"""

import asyncio
import base64
import json
import stat
import tarfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

import structlog

from console.hosts.gateway import PEEK, Engine
from console.hosts.tars import TooLong, each_entry, file_bytes, first_file
from console.operations.errors import ConsoleError, Invalid, Missing, Unavailable

log = structlog.get_logger(__name__)

STAT_HEADER = "X-Docker-Container-Path-Stat"
OWN_ENGINE = "Naru"
MOST_LISTED = 5000
MOST_CHANGES = 20_000
# reading a directory from an archive means reading all below it: so much of it, and no longer
READ_BYTES = 64 * 1024 * 1024
READ_S = 15.0
# on engines that do not tell sizes of changes
MOST_ASKED = 100
AT_ONCE = 8
# what a crash left of those that were made to look into an image
PEEK_S = 600
MOST_OUTPUT_BYTES = 16 * 1024
# Go, io/fs, FileMode
GO_DIRECTORY, GO_LINK, GO_DEVICE, GO_FIFO, GO_SOCKET = 1 << 31, 1 << 27, 1 << 26, 1 << 25, 1 << 24
GO_SETUID, GO_SETGID, GO_STICKY = 1 << 23, 1 << 22, 1 << 20
KINDS = (
    (GO_DIRECTORY, "directory"),
    (GO_LINK, "link"),
    (GO_DEVICE, "device"),
    (GO_FIFO, "fifo"),
    (GO_SOCKET, "socket"),
)
BITS = ((GO_SETUID, stat.S_ISUID), (GO_SETGID, stat.S_ISGID), (GO_STICKY, stat.S_ISVTX))
CHANGE_KINDS = {0: "modified", 1: "added", 2: "removed"}


@dataclass(frozen=True, slots=True)
class File:
    """``kind`` is file, directory, link, device, fifo or socket; ``mode`` the lower twelve bits of st_mode."""

    name: str
    kind: str
    mode: int
    size_bytes: int
    modified_at: datetime | None
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    target: str = ""

    @property
    def octal(self) -> str:
        return f"{self.mode:04o}"


@dataclass(frozen=True, slots=True)
class Directory:
    """Sorted by name. ``total`` is how many there are; None when nobody knows, since reading on was too much."""

    path: str
    files: tuple[File, ...]
    total: int | None

    @property
    def is_whole(self) -> bool:
        return self.total == len(self.files)


@dataclass(frozen=True, slots=True)
class Change:
    """``kind`` is added, modified or removed; sizes are None where the engine does not tell them."""

    path: str
    kind: str
    file_kind: str = ""
    size_bytes: int | None = None
    was_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """The first of ``total``, parents first."""

    changes: tuple[Change, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The beginning of a file."""

    file: File
    content: bytes

    @property
    def is_whole(self) -> bool:
        return len(self.content) >= self.file.size_bytes


async def is_own(engine: Engine) -> bool:
    """Whether it is an engine of ours, with endpoints of our own."""
    told = await engine.json("version") or {}
    return str((told.get("Platform") or {}).get("Name", "")) == OWN_ENGINE


# --- reading ---


async def list_directory(engine: Engine, engine_id: str, path: str) -> Directory:
    """Raises Missing, and Invalid for what is no directory."""
    if await is_own(engine):
        told = await engine.json(f"naru/containers/{engine_id}/files?{_query(path)}&limit={MOST_LISTED}")
        files = tuple(_listed(entry) for entry in told["files"])
        return Directory(path, files, int(told["total"]) if len(files) == MOST_LISTED else len(files))
    return await _list_by_archive(engine, engine_id, path)


async def _list_by_archive(engine: Engine, engine_id: str, path: str) -> Directory:
    found: dict[str, File] = {}
    prefix = 1

    def take(info: tarfile.TarInfo) -> None:
        parts = [part for part in info.name.split("/") if part not in ("", ".")]
        name = parts[-1] if len(parts) == prefix + 1 else ""
        if name and len(found) <= MOST_LISTED:
            found.setdefault(name, _archived(name, info))

    is_cut = False
    async with _at_end(engine, f"containers/{engine_id}/archive", path, kind="directory") as (directory, chunks):
        # names begin with what the directory is called, which the root is not
        prefix = 0 if directory.name in ("/", ".") else 1
        try:
            async with asyncio.timeout(READ_S):
                await each_entry(chunks, take, limit_bytes=READ_BYTES)
        except (TooLong, TimeoutError):
            is_cut = True
    files = tuple(found[name] for name in sorted(found))[:MOST_LISTED]
    return Directory(path, files, None if is_cut or len(found) > MOST_LISTED else len(files))


@asynccontextmanager
async def archive(
    engine: Engine, engine_id: str, path: str, *, of_image: bool = False
) -> AsyncIterator[tuple[File, AsyncIterator[bytes]]]:
    """What is at ``path``, and a tar of it and all below, as it comes. A link is archived itself."""
    where = f"naru/containers/{engine_id}/image-archive" if of_image else f"containers/{engine_id}/archive"
    async with _archive(engine, f"{where}?{_query(path)}") as found:
        yield found


@asynccontextmanager
async def _archive(engine: Engine, address: str) -> AsyncIterator[tuple[File, AsyncIterator[bytes]]]:
    async with engine.stream(address) as response:
        yield _told(response.headers.get(STAT_HEADER, "")), response.content.iter_any()


async def read_piece(engine: Engine, engine_id: str, path: str, *, limit_bytes: int) -> Piece:
    """The first ``limit_bytes`` of a regular file, links followed. Raises Missing, and Invalid for anything else."""
    async with asyncio.timeout(READ_S):
        return await _read_piece(engine, f"containers/{engine_id}/archive", path, limit_bytes=limit_bytes)


async def read_piece_of_image(engine: Engine, engine_id: str, path: str, *, image: str, limit_bytes: int) -> Piece:
    """As ``read_piece``, of what the container's image has there. Raises Missing for what was added."""
    async with asyncio.timeout(READ_S):
        if await is_own(engine):
            where = f"naru/containers/{engine_id}/image-archive"
            return await _read_piece(engine, where, path, limit_bytes=limit_bytes)
        await sweep_peeks(engine)
        async with _peek(engine, image) as peek:
            return await _read_piece(engine, f"containers/{peek}/archive", path, limit_bytes=limit_bytes)


async def _read_piece(engine: Engine, where: str, path: str, *, limit_bytes: int) -> Piece:
    async with _at_end(engine, where, path, kind="file") as (file, chunks):
        return Piece(file, await first_file(chunks, limit_bytes=limit_bytes))


@asynccontextmanager
async def open_at_end(engine: Engine, engine_id: str, path: str) -> AsyncIterator[tuple[File, AsyncIterator[bytes]]]:
    """As ``archive``, of what ``path`` leads to."""
    async with _at_end(engine, f"containers/{engine_id}/archive", path) as found:
        yield found


async def content_of(file: File, tar: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The bytes of a file out of its archive; for a directory the archive itself. Invalid for anything else."""
    if file.kind == "directory":
        async for chunk in tar:
            yield chunk
    elif file.kind == "file":
        async with aclosing(file_bytes(tar)) as chunks:
            async for chunk in chunks:
                yield chunk
    else:
        raise Invalid(f"{shown(file.name)}: a {file.kind} has no content", field="path")


@asynccontextmanager
async def _at_end(
    engine: Engine, where: str, path: str, *, kind: str = ""
) -> AsyncIterator[tuple[File, AsyncIterator[bytes]]]:
    """As ``archive``, of what ``path`` leads to. Invalid (path) where that is not of the ``kind`` wanted."""
    async with AsyncExitStack() as stack:
        file, chunks = await stack.enter_async_context(_archive(engine, f"{where}?{_query(path)}"))
        if file.kind == "link" and file.target:
            # told as the place where it ends
            await stack.aclose()
            file, chunks = await stack.enter_async_context(_archive(engine, f"{where}?{_query(file.target)}"))
        if kind and file.kind != kind:
            raise Invalid(f"{shown(path)}: it is not a {kind}", field="path")
        yield file, chunks


@asynccontextmanager
async def _peek(engine: Engine, image: str) -> AsyncIterator[str]:
    """The id of a container of ``image`` that is never started, and goes again."""
    body = {"Image": image, "Cmd": ["-"], "Labels": {PEEK: str(int(time.time()))}, "NetworkDisabled": True}
    made = await engine.json("containers/create", "POST", body=body)
    try:
        yield str(made["Id"])
    finally:
        await asyncio.shield(_remove_peek(engine, str(made["Id"])))


async def _remove_peek(engine: Engine, engine_id: str) -> None:
    try:
        await engine.remove_container(engine_id, force=True)
    except ConsoleError as error:
        # swept by the next one who looks
        log.warning("a container for looking into an image was not removed", container=engine_id, why=str(error))


async def sweep_peeks(engine: Engine) -> int:
    """Remove what a crash left of them. Returns how many."""
    filters = quote(json.dumps({"label": [PEEK]}))
    listed = await engine.json(f"containers/json?all=1&filters={filters}") or []
    swept = 0
    for entry in listed:
        made_s = str((entry.get("Labels") or {}).get(PEEK, ""))
        if made_s.isdecimal() and time.time() - int(made_s) > PEEK_S:
            await _remove_peek(engine, str(entry["Id"]))
            swept += 1
    return swept


async def list_changes(engine: Engine, engine_id: str) -> Changes:
    """What was changed since the image."""
    if await is_own(engine):
        told = await engine.json(f"naru/containers/{engine_id}/changes?limit={MOST_CHANGES}", timeout_s=60)
        return Changes(tuple(_change(entry) for entry in told["changes"]), int(told["total"]))
    told = await engine.json(f"containers/{engine_id}/changes", timeout_s=60) or []
    first = [_change(entry) for entry in told[:MOST_CHANGES]]
    return Changes(tuple(await _sized(engine, engine_id, first)), len(told))


async def _sized(engine: Engine, engine_id: str, changes: Sequence[Change]) -> list[Change]:
    """With sizes of the first ones, which are asked for one by one."""
    room = asyncio.Semaphore(AT_ONCE)

    async def sized(change: Change) -> Change:
        async with room:
            try:
                async with archive(engine, engine_id, change.path) as (file, _chunks):
                    size = file.size_bytes if file.kind == "file" else 0
                    return Change(change.path, change.kind, file.kind, size)
            except (Missing, Invalid):
                return change

    asked = [change for change in changes if change.kind != "removed"][:MOST_ASKED]
    known = {one.path: one for one in await asyncio.gather(*map(sized, asked))}
    return [known.get(change.path, change) for change in changes]


# --- changing ---


async def put_archive(engine: Engine, engine_id: str, path: str, tar: BinaryIO) -> None:
    """Unpack into the directory, for the user that the container runs as; a directory is not replaced by a file."""
    where = f"containers/{engine_id}/archive?{_query(path)}&noOverwriteDirNonDir=1&copyUIDGID=1"
    async with engine.stream(where, "PUT", data=_read(tar), headers={"Content-Type": "application/x-tar"}):
        pass


async def run_inside(engine: Engine, engine_id: str, argv: Sequence[str], *, limit_s: float = 60.0) -> tuple[int, str]:
    """Run a program of the container's own as its root; the exit code, and what it printed. It must be running."""
    wanted = {"Cmd": list(argv), "AttachStdout": True, "AttachStderr": True, "Tty": True, "User": "0"}
    made = await engine.json(f"containers/{engine_id}/exec", "POST", body=wanted)
    output = b""
    body = json.dumps({"Detach": False, "Tty": True})
    async with asyncio.timeout(limit_s), engine.stream(f"exec/{made['Id']}/start", "POST", data=body) as response:
        async for chunk in response.content.iter_any():
            output = (output + chunk)[:MOST_OUTPUT_BYTES]
    told = await engine.json(f"exec/{made['Id']}/json")
    code = told.get("ExitCode")
    return (-1 if code is None else int(code)), output.decode(errors="replace").replace("\r\n", "\n").strip()


async def commit(
    engine: Engine,
    engine_id: str,
    *,
    repository: str,
    tag: str,
    comment: str,
    author: str,
    changes: Sequence[str],
    pause: bool,
    limit_s: float,
) -> str:
    """Make an image of the container as it is. Returns the image's 64 hex digits."""
    params = {
        "container": engine_id,
        "repo": repository,
        "tag": tag,
        "comment": comment,
        "author": author,
        "pause": "1" if pause else "0",
        "changes": "\n".join(changes),
    }
    made = await engine.json("commit", "POST", params=params, body={}, timeout_s=limit_s)
    if not made or not made.get("Id"):
        raise Unavailable("the engine made an image and did not say which")
    return str(made["Id"]).removeprefix("sha256:")


async def _read(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, 256 * 1024):
        yield chunk


# --- what engines say ---


def shown(path: str) -> str:
    """A path to be read by people and kept by databases: bytes that are no UTF-8 become U+FFFD."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _query(path: str) -> str:
    """Written out here: a name of a file may be any bytes."""
    return f"path={quote(path, safe='/', errors='surrogateescape')}"


def _told(header: str) -> File:
    """The stat header: base64 of JSON."""
    try:
        told = json.loads(base64.b64decode(header))
        return File(
            name=str(told["name"]),
            kind=_kind(int(told["mode"])),
            mode=_mode(int(told["mode"])),
            size_bytes=int(told["size"]),
            modified_at=_time(str(told.get("mtime", ""))),
            target=str(told.get("linkTarget") or ""),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable("the engine did not say what kind of file it is") from error


def _listed(entry: dict[str, Any]) -> File:
    raw = entry.get("raw")
    return File(
        name=unquote(raw, errors="surrogateescape") if raw else str(entry["name"]),
        kind=_kind(int(entry["mode"])),
        mode=_mode(int(entry["mode"])),
        size_bytes=int(entry["size"]),
        modified_at=_time(str(entry["mtime"])),
        uid=int(entry["uid"]),
        gid=int(entry["gid"]),
        user=str(entry["user"]),
        group=str(entry["group"]),
        target=str(entry["linkTarget"]),
    )


def _archived(name: str, info: tarfile.TarInfo) -> File:
    kinds = {"directory": info.isdir(), "link": info.issym(), "device": info.isdev() and not info.isfifo()}
    kinds["fifo"] = info.isfifo()
    return File(
        name=name,
        kind=next((kind for kind, is_it in kinds.items() if is_it), "file"),
        mode=info.mode & 0o7777,
        size_bytes=info.size,
        modified_at=_moment(info.mtime),
        uid=info.uid,
        gid=info.gid,
        target=info.linkname if info.issym() else "",
    )


def _change(entry: dict[str, Any]) -> Change:
    mode, was = entry.get("mode"), entry.get("was")
    return Change(
        path=str(entry["Path"] if "Path" in entry else entry["path"]),
        kind=CHANGE_KINDS.get(int(entry["Kind"] if "Kind" in entry else entry["kind"]), "modified"),
        file_kind=_kind(int(mode)) if mode else "",
        size_bytes=int(entry["size"]) if mode else None,
        was_bytes=None if was is None else int(was),
    )


def _kind(go_mode: int) -> str:
    return next((kind for bit, kind in KINDS if go_mode & bit), "file")


def _mode(go_mode: int) -> int:
    return (go_mode & 0o777) | sum(unix for go, unix in BITS if go_mode & go)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
