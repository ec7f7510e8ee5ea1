"""Inputs of jobs: kept by their SHA-256 under NARU_DATA/inputs, copied to Redis when the job is sent.

The copy lets an agent that shares no disk with the console read them. What is larger than MOST_IN_REDIS_BYTES is not
copied: memory is not for that, so only an agent that shares the console's disk gets it.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _

from console.jobs import streams
from console.operations.errors import Invalid, Missing

CHUNK_BYTES = 1024 * 1024
KEPT_S = 7 * 24 * 3600
MOST_IN_REDIS_BYTES = 64 * 1024 * 1024


@contextmanager
def incoming() -> Iterator[BinaryIO]:
    """A nameless file beside the inputs to write to; ``keep`` makes it an input, else it vanishes."""
    folder = _folder()
    with tempfile.TemporaryFile(dir=folder) as file:
        yield file


def keep(file: BinaryIO) -> str:
    """Store what ``file`` holds, durably. Returns its SHA-256."""
    file.seek(0)
    with tempfile.NamedTemporaryFile(dir=_folder(), prefix=".new-", delete=False) as new:
        try:
            digest = hashlib.sha256()
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                new.write(chunk)
            new.flush()
            os.fsync(new.fileno())
            Path(new.name).rename(_folder() / digest.hexdigest())
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise
    return digest.hexdigest()


def open_kept(sha256: str) -> BinaryIO:
    """Missing when it was swept meanwhile."""
    try:
        return (_folder() / sha256).open("rb")
    except FileNotFoundError as error:
        raise Missing(f"the input {sha256[:12]} is not kept any more") from error


def require_kept(sha256: str) -> None:
    """Invalid (``source``) when it was swept; else it stays for as long as a new input."""
    try:
        os.utime(_folder() / sha256)
    except FileNotFoundError as error:
        raise Invalid(_("The uploaded files are not kept any more. Upload them again."), field="source") from error


def copy_to_redis(sha256: str) -> None:
    """Missing when it was swept meanwhile."""
    path = _folder() / sha256
    try:
        os.utime(path)
        if path.stat().st_size > MOST_IN_REDIS_BYTES:
            return
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise Missing(f"the input {sha256[:12]} is not kept any more") from error
    streams.connection().set(streams.blob_key(sha256), content, ex=streams.BLOB_KEPT_S)


def fetch(sha256: str, into: BinaryIO) -> None:
    """For the agent: from the console's disk where that is its own, else from Redis. Missing when it is in neither."""
    try:
        near = (Path(settings.NARU_DATA) / "inputs" / sha256).open("rb")
    except FileNotFoundError:
        fetch_from_redis(sha256, into)
        return
    digest = hashlib.sha256()
    with near:
        while chunk := near.read(CHUNK_BYTES):
            digest.update(chunk)
            into.write(chunk)
    if digest.hexdigest() != sha256:
        raise Missing(f"the input {sha256[:12]} is not what was uploaded")
    into.flush()
    into.seek(0)


def fetch_from_redis(sha256: str, into: BinaryIO) -> None:
    """For the agent. Missing when it is not there or is not what it should be."""
    key, offset, digest = streams.blob_key(sha256), 0, hashlib.sha256()
    while chunk := streams.connection().getrange(key, offset, offset + CHUNK_BYTES - 1):
        assert isinstance(chunk, bytes)
        digest.update(chunk)
        into.write(chunk)
        offset += len(chunk)
    if digest.hexdigest() != sha256:
        raise Missing(
            f"the input {sha256[:12]} did not arrive; larger ones than 64 MiB go only to hosts that share the "
            "console's disk"
        )
    into.flush()
    into.seek(0)


def sweep(now_s: float | None = None) -> int:
    """Remove inputs that no job has been sent with for a week. Returns how many."""
    now_s = time.time() if now_s is None else now_s
    old = [path for path in _folder().iterdir() if now_s - path.stat().st_mtime > KEPT_S]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _folder() -> Path:
    folder = Path(settings.NARU_DATA) / "inputs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
