"""The two forms of a container's output: raw with a terminal, else multiplexed in frames.

    stream (1 stdout, 2 stderr) 0 0 0 | length, 4 bytes big endian | payload

Docker Engine API, "Attach to a container", "Stream format".
"""

import struct
from collections.abc import Iterable
from typing import Final

from engine.containers.logs import LogRecord
from engine.wire.version import MULTIPLEXED_TYPE_FROM, ApiVersion

_HEADER: Final = struct.Struct(">BxxxI")
_RAW: Final = "application/vnd.docker.raw-stream"
_MULTIPLEXED: Final = "application/vnd.docker.multiplexed-stream"


def content_type(version: ApiVersion, *, tty: bool) -> str:
    return _RAW if tty or version < MULTIPLEXED_TYPE_FROM else _MULTIPLEXED


def framed(stream: int, data: bytes) -> bytes:
    return _HEADER.pack(stream, len(data)) + data


def log_bytes(records: Iterable[LogRecord], *, tty: bool, timestamps: bool) -> bytes:
    """A batch of records in one piece; each is a frame of its own, as clients expect of lines.

    The fast path of ``docker logs``: a million records a second pass here.
    """
    if timestamps:
        records = [
            record._replace(payload=record.at_text + b" " + record.payload) if record.starts_line else record
            for record in records
        ]
    if tty:
        return b"".join([record.payload for record in records])
    pack = _HEADER.pack
    return b"".join([piece for stream, _, payload, _ in records for piece in (pack(stream, len(payload)), payload)])
