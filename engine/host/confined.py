"""Unpacking archives that others made, in a process of their own that can touch one directory only.

Knows how that process (``confined_worker``) is started, fed and ended; what it may do is written there.
"""

import asyncio
import io
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from engine.host.archive import Limits
from engine.host.archive_stream import COMPRESSIONS
from engine.model import errors
from engine.model.digest import Digest

_TIMEOUT_S = 3600
_LONGEST_COMPLAINT = 2000
_CHUNK = 1 << 20
_RESERVE = 10  # a tenth of what is free stays free (SECURITY_NOTES 3, threat 8)
_START = (
    "import sys, json; sys.path[:0] = json.loads(sys.argv[1])['path'];"
    "from engine.host.confined_worker import main; main()"
)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What an archive was. ``blob`` is over the bytes as given, ``diff_id`` over the tar; both read to the end.

    ``opaque`` are directories that hide those below them, ``implicit`` ones that no entry described; both are
    absolute inside the directory unpacked into, and without symlinks.
    """

    entries: int
    size_bytes: int
    max_id: int
    blob: Digest
    diff_id: Digest
    opaque: tuple[str, ...] = ()
    implicit: tuple[str, ...] = ()


async def unpack_layer(
    source: BinaryIO | Iterable[bytes], *, into: Path, limits: Limits | None = None, compression: str = "auto"
) -> Unpacked:
    """Unpack an image layer into the empty directory ``into``; whiteouts become overlayfs's.

    Marks opaque directories. Raises Invalid or TooLarge for a bad archive, Unavailable for lack of space; whatever
    it raises, ``into`` then holds part of the layer: discard it.
    """
    unpacked = await _unpack(into, source, limits=limits, job={"layer": True, "compression": compression})
    await asyncio.to_thread(_mark_opaque, into, unpacked.opaque)
    return unpacked


async def unpack_into(
    root: Path,
    source: BinaryIO | Iterable[bytes],
    *,
    destination: str = "/",
    owner: tuple[int, int] | None = None,
    mode: int | None = None,
    limits: Limits | None = None,
    compression: str = "auto",
) -> Unpacked:
    """Unpack an archive over the tree at ``root``, below ``destination``, which is made when missing.

    Symlinks, also those in ``destination``, resolve inside ``root``. A directory is merged with one that is there,
    anything else replaces what is in its way. Names beginning with ``.wh.`` raise Invalid.
    """
    job = {"layer": False, "destination": destination, "owner": owner, "mode": mode, "compression": compression}
    return await _unpack(root, source, limits=limits, job=job)


async def _unpack(
    root: Path, source: BinaryIO | Iterable[bytes], *, limits: Limits | None, job: Mapping[str, Any]
) -> Unpacked:
    if job["compression"] not in COMPRESSIONS:
        raise errors.Invalid(f"compression {job['compression']!r} is not one of {', '.join(COMPRESSIONS)}")
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        whole = {
            "destination": "/",
            "owner": None,
            "mode": None,
            **job,
            "directory_fd": directory,
            "path": sys.path,
            "limits": asdict(limits or Limits(total_bytes=room_for_archive(directory))),
        }
        return _answer(await _run(directory, json.dumps(whole), source))
    finally:
        os.close(directory)


async def _run(directory: int, job: str, source: BinaryIO | Iterable[bytes]) -> tuple[bytes, bytes]:
    """Output and complaints of one worker; it is gone when this returns, or is cancelled."""
    feeder: asyncio.Task[None] | None = None
    descriptor, feed_end = _descriptor(source)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", _START, job,
            stdin=descriptor, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            pass_fds=(directory,), env={}, cwd="/",
        )  # fmt: skip
    except BaseException:
        if feed_end is not None:
            os.close(feed_end)
        raise
    finally:
        if feed_end is not None:
            os.close(descriptor)
    if feed_end is not None:
        feeder = asyncio.create_task(asyncio.to_thread(_feed, feed_end, source))
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output = await process.communicate()
            if feeder:
                await feeder
            return output
    except TimeoutError as error:
        raise errors.Unavailable(f"unpacking an archive took more than {_TIMEOUT_S} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if feeder and not feeder.done():
            await asyncio.wait([feeder])


def _descriptor(source: BinaryIO | Iterable[bytes]) -> tuple[int, int | None]:
    """What the worker reads, and where to write when that is a pipe of ours."""
    try:
        return source.fileno(), None  # type: ignore[union-attr]  # an iterable has none, and says so below
    except (AttributeError, io.UnsupportedOperation):
        return os.pipe2(os.O_CLOEXEC)


def _feed(descriptor: int, source: BinaryIO | Iterable[bytes]) -> None:
    chunks = iter(lambda: source.read(_CHUNK), b"") if isinstance(source, io.IOBase) else source
    with os.fdopen(descriptor, "wb", buffering=0) as pipe:
        try:
            for chunk in (chunks,) if isinstance(chunks, bytes) else chunks:
                view = memoryview(chunk)
                while view:
                    view = view[pipe.write(view) :]
        except BrokenPipeError:
            pass  # the worker gave up; its answer says why


def _answer(output: tuple[bytes, bytes]) -> Unpacked:
    stdout, stderr = output
    try:
        answer = json.loads(stdout)
    except ValueError as error:
        complaint = stderr.decode("utf-8", "backslashreplace")[-_LONGEST_COMPLAINT:].strip()
        raise errors.Unavailable(f"the unpacking process died: {complaint or 'it was killed'}") from error
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["message"])
    return Unpacked(
        entries=answer["entries"],
        size_bytes=answer["size_bytes"],
        max_id=answer["max_id"],
        blob=Digest(answer["blob"]),
        diff_id=Digest(answer["diff_id"]),
        opaque=tuple(answer["opaque"]),
        implicit=tuple(answer["implicit"]),
    )


def room_for_archive(directory: int | Path) -> int:
    """Bytes an archive may take: what is free, less a tenth."""
    file_system = os.statvfs(directory)
    free = file_system.f_bavail * file_system.f_frsize
    return free - free // _RESERVE


def _mark_opaque(root: Path, paths: Iterable[str]) -> None:
    for path in paths:
        descriptor = open_below(root, path)
        try:
            os.setxattr(descriptor, "trusted.overlay.opaque", b"y")
        finally:
            os.close(descriptor)


def open_below(root: Path, path: str) -> int:
    """Descriptor of the directory ``path`` below ``root``, following no symlink. Raises OSError; the caller closes."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in path.split("/"):
        if part in ("", "."):
            continue
        try:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor
