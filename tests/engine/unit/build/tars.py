"""Tar archives for tests, made with the standard library."""

import io
import tarfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from engine.build.context import Context, received_context

Made = bytes | str | None | tarfile.TarInfo


def link(target: str, *, hard: bool = False) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = tarfile.LNKTYPE if hard else tarfile.SYMTYPE, target
    return info


def tar_with(files: Mapping[str, Made], *, mode: str = "w", mtime: int = 0) -> bytes:
    """Names to contents; None is a directory, a TarInfo a member of its own kind."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, made in files.items():
            info = made if isinstance(made, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name, info.mtime = name, mtime
            data = made.encode() if isinstance(made, str) else made if isinstance(made, bytes) else b""
            if made is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


async def chunked(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@asynccontextmanager
async def context_of(files: Mapping[str, Made], spool_root: Path) -> AsyncIterator[Context]:
    async with received_context(chunked(tar_with(files)), spool_root=spool_root) as context:
        yield context
