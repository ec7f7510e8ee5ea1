"""Unpacking archives that others made, in a process of their own that can touch one directory only.

Knows how that process (``confined_worker``) is fed and ended; what it may do is written there.
"""

import asyncio
import atexit
import contextlib
import io
import json
import os
import signal
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from engine.host.archive import Limits
from engine.host.archive_stream import COMPRESSIONS
from engine.host.confined_spawner import Spawner
from engine.host.devices import Device, make_devices
from engine.host.pipes import Input, readable
from engine.host.processes import content_of, memory_file
from engine.model import errors
from engine.model.digest import Digest

_TIMEOUT_S = 3600
_LONGEST_COMPLAINT = 2000
_CHUNK = 1 << 20
_RESERVE = 10  # a tenth of what is free stays free
_SPAWNER = Spawner()
atexit.register(_SPAWNER.close)
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
    source: BinaryIO | Iterable[bytes],
    *,
    into: Path,
    limits: Limits | None = None,
    compression: str = "auto",
    digest: Callable[[], Digest] | None = None,
) -> Unpacked:
    """Unpack an image layer into the empty directory ``into``; whiteouts become overlayfs's.

    ``digest`` is asked at the end for that of a plain ``source``, of a caller who hashes it anyway. Marks opaque
    directories. Raises Invalid or TooLarge for a bad archive, Unavailable for lack of space; whatever it raises,
    ``into`` then holds part of the layer: discard it.
    """
    job = {"layer": True, "compression": "none" if digest else compression, "hashed": digest is None}
    unpacked = await _unpack(into, source, limits=limits, job=job, digest=digest)
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
    }
    try:
        unpacked = await _unpack(root, source, limits=None, job=job, pidfd=pidfd)
    except errors.Missing as error:
        raise NoDestination(str(error)) from error
    await asyncio.to_thread(make_devices, root, unpacked.devices)
    return unpacked


async def _unpack(
    root: Path,
    source: _Source,
    *,
    limits: Limits | None,
    job: Mapping[str, Any],
    pidfd: int | None = None,
    digest: Callable[[], Digest] | None = None,
) -> Unpacked:
    if job["compression"] not in COMPRESSIONS:
        raise errors.Invalid(f"compression {job['compression']!r} is not one of {', '.join(COMPRESSIONS)}")
    with ExitStack() as files:
        directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        files.callback(os.close, directory)
        whole = {
            "destination": "/",
            "existing": False,
            "keep_kinds": False,
            "defer_devices": pidfd is not None,
            "owner": None,
            "mode": None,
            "shown": [],
            "hashed": True,
            **job,
            "root": str(root),
            "limits": asdict(limits or Limits(total_bytes=room_for_archive(directory))),
        }
        answer, complaints = memory_file(files), memory_file(files)
        descriptors = [answer, complaints, directory] + ([pidfd] if pidfd is not None else [])
        await _run(memory_file(files, json.dumps(whole).encode()), source, descriptors)
        return _answer(content_of(answer), content_of(complaints), digest)


async def _run(job: int, source: _Source, descriptors: Sequence[int]) -> None:
    """One worker to its end; it is gone when this returns, or is cancelled."""
    feeder: asyncio.Task[None] | None = None
    descriptor, feed_end = _descriptor(source)
    try:
        worker = await _started([job, descriptor, *descriptors])
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
            await readable(worker)
            if feeder:
                await _ended(feeder, source)
    except TimeoutError as error:
        raise errors.Unavailable(f"unpacking an archive took more than {_TIMEOUT_S} s") from error
    finally:
        await _end(worker)
        if feeder and not feeder.done():
            if isinstance(source, AsyncIterable):
                feeder.cancel()
            await asyncio.wait([feeder])


async def _started(descriptors: Sequence[int]) -> int:
    """The pidfd of a worker. When this is cancelled there is none."""
    starting = asyncio.ensure_future(asyncio.to_thread(_SPAWNER.start, descriptors))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # the thread goes on, with descriptors that the caller is about to close
        await asyncio.wait([starting])
        if starting.exception() is None:
            await _end(starting.result())
        raise


async def _end(worker: int) -> None:
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(worker, signal.SIGKILL)
        await readable(worker)
    finally:
        os.close(worker)


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


def _answer(output: bytes, complaints: bytes, digest: Callable[[], Digest] | None) -> Unpacked:
    try:
        answer = json.loads(output)
    except ValueError as error:
        complaint = complaints.decode("utf-8", "backslashreplace")[-_LONGEST_COMPLAINT:].strip()
        raise errors.Unavailable(f"the unpacking process died: {complaint or 'it was killed'}") from error
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["message"])
    blob, diff_id = (digest(),) * 2 if digest else map(Digest, answer["digests"])
    return Unpacked(
        entries=answer["entries"],
        size_bytes=answer["size_bytes"],
        max_id=answer["max_id"],
        blob=blob,
        diff_id=diff_id,
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
