"""Unpacking archives that others made, in a process of their own that can touch one directory only.

Knows how that process (``confined_worker``) is started, fed and ended; what it may do is written there.
"""

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from engine.host.archive import Limits
from engine.host.archive_stream import COMPRESSIONS
from engine.host.devices import Device, make_devices
from engine.host.pipes import Input
from engine.model import errors
from engine.model.digest import Digest

_TIMEOUT_S = 3600
_LONGEST_COMPLAINT = 2000
_CHUNK = 1 << 20
_RESERVE = 10  # a tenth of what is free stays free
_START = (
    "import sys, json; sys.path[:0] = json.loads(sys.argv[1])['path'];"
    "from engine.host.confined_worker import main; main()"
)
_Source = BinaryIO | Iterable[bytes] | AsyncIterable[bytes]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What an archive was. ``blob`` is over the bytes as given, ``diff_id`` over the tar; both read to the end.

    ``opaque`` are directories that hide those below them, ``implicit`` ones that no entry described; both are
    absolute inside the directory unpacked into, and without symlinks. ``devices`` are still to be made.
    """

    entries: int
    size_bytes: int
    max_id: int
    blob: Digest
    diff_id: Digest
    opaque: tuple[str, ...] = ()
    implicit: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()


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
    source: _Source,
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


class NoDestination(errors.Missing):
    """The directory to unpack into does not exist."""


async def copy_into(
    root: Path,
    source: AsyncIterable[bytes],
    *,
    destination: str,
    owner: tuple[int, int] | None = None,
    keep_kinds: bool = False,
    shown: Sequence[tuple[Path, str]] = (),
    pidfd: int | None = None,
) -> Unpacked:
    """Unpack an archive, compressed or not, into the existing directory ``destination`` of a container's root.

    Its files, as a container that runs meanwhile may have them, decide where a link leads, and never lead out of it.
    ``pidfd``: a process whose user namespace the owners are of. ``shown`` are files and directories of the host, each
    with its place in ``root``: they are in the way of whatever would replace them. Raises NoDestination when the
    destination is not there, Invalid or TooLarge for what cannot be done; part of the archive is unpacked then.
    """
    job = {
        "layer": False,
        "destination": destination,
        "existing": True,
        "keep_kinds": keep_kinds,
        "owner": owner,
        "compression": "auto",
        "shown": [(str(path), place) for path, place in shown],
        "pidfd": pidfd,
    }
    try:
        unpacked = await _unpack(root, source, limits=None, job=job)
    except errors.Missing as error:
        raise NoDestination(str(error)) from error
    await asyncio.to_thread(make_devices, root, unpacked.devices)
    return unpacked


async def _unpack(root: Path, source: _Source, *, limits: Limits | None, job: Mapping[str, Any]) -> Unpacked:
    if job["compression"] not in COMPRESSIONS:
        raise errors.Invalid(f"compression {job['compression']!r} is not one of {', '.join(COMPRESSIONS)}")
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        whole = {
            "destination": "/",
            "existing": False,
            "keep_kinds": False,
            "owner": None,
            "mode": None,
            "shown": [],
            "pidfd": None,
            **job,
            "root": str(root),
            "directory_fd": directory,
            "path": sys.path,
            "limits": asdict(limits or Limits(total_bytes=room_for_archive(directory))),
        }
        descriptors = [directory] + ([whole["pidfd"]] if whole["pidfd"] is not None else [])
        return _answer(await _run(descriptors, json.dumps(whole), source))
    finally:
        os.close(directory)


async def _run(descriptors: Sequence[int], job: str, source: _Source) -> tuple[bytes, bytes]:
    """Output and complaints of one worker; it is gone when this returns, or is cancelled."""
    feeder: asyncio.Task[None] | None = None
    descriptor, feed_end = _descriptor(source)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", _START, job,
            stdin=descriptor, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            pass_fds=descriptors, env={}, cwd="/",
        )  # fmt: skip
    except BaseException:
        if feed_end is not None:
            os.close(feed_end)
        raise
    finally:
        if feed_end is not None:
            os.close(descriptor)
    if feed_end is not None:
        feeder = asyncio.create_task(_fed(feed_end, source))
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output = await process.communicate()
            if feeder:
                await _ended(feeder, source)
            return output
    except TimeoutError as error:
        raise errors.Unavailable(f"unpacking an archive took more than {_TIMEOUT_S} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if feeder and not feeder.done():
            if isinstance(source, AsyncIterable):
                feeder.cancel()
            await asyncio.wait([feeder])


def _descriptor(source: _Source) -> tuple[int, int | None]:
    """What the worker reads, and where to write when that is a pipe of ours."""
    try:
        return source.fileno(), None  # type: ignore[union-attr]  # an iterable has none, and says so below
    except (AttributeError, io.UnsupportedOperation):
        return os.pipe2(os.O_CLOEXEC)


async def _fed(descriptor: int, source: _Source) -> None:
    if isinstance(source, AsyncIterable):
        await _pour(descriptor, source)
    else:
        await asyncio.to_thread(_feed, descriptor, source)


async def _ended(feeder: "asyncio.Task[None]", source: _Source) -> None:
    """The worker has ended: it read all, or will read no more. Raises what reading the source raised."""
    if isinstance(source, AsyncIterable) and not feeder.done():
        feeder.cancel()
        await asyncio.wait([feeder])
    if not feeder.cancelled():
        await feeder


async def _pour(descriptor: int, source: AsyncIterable[bytes]) -> None:
    """In the loop: a client that is slow to send must not hold a thread."""
    pipe = Input(descriptor)
    try:
        async for chunk in source:
            await pipe.write(chunk)
    finally:
        pipe.close()


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
        devices=tuple(Device(*device) for device in answer["devices"]),
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
