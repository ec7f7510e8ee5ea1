"""The two forms of a container's output: raw with a terminal, else multiplexed in frames.

    stream (1 stdout, 2 stderr) 0 0 0 | length, 4 bytes big endian | payload

Docker Engine API, "Attach to a container", "Stream format".
"""

import struct
from typing import Final

from engine.containers.log_file import PREFIX_BYTES, STDERR, STDOUT, Selection
from engine.wire.version import MULTIPLEXED_TYPE_FROM, ApiVersion

_HEADER: Final = struct.Struct(">BxxxI")
_MARK: Final = slice(36, PREFIX_BYTES)  # of a line in the log file: its stream, and that it is whole (log_file.py)
_MARKS: Final = ((b"stdout F ", STDOUT), (b"stderr F ", STDERR))
_RAW: Final = "application/vnd.docker.raw-stream"
_MULTIPLEXED: Final = "application/vnd.docker.multiplexed-stream"


def content_type(version: ApiVersion, *, tty: bool) -> str:
    return _RAW if tty or version < MULTIPLEXED_TYPE_FROM else _MULTIPLEXED


def framed(stream: int, data: bytes) -> bytes:
    return _HEADER.pack(stream, len(data)) + data


class _Headers(dict[int, bytes]):
    """Of frames of one stream, by the length of a whole line in the log file, without its newline."""

    def __init__(self, stream: int) -> None:
        self._stream = stream

    def __missing__(self, length: int) -> bytes:
        header = self[length] = _HEADER.pack(self._stream, length - PREFIX_BYTES + 1)
        return header


class LogEncoder:
    """Whole lines of a log file to what a client gets of them. Called for one block after the other of one log.

    A frame holds one record: clients take a frame for a line (docker-py, ``logs(stream=True)``). With ``joined`` one
    holds many, unless times or details are asked for, which are put only before what begins a line.
    """

    def __init__(
        self, selection: Selection, *, tty: bool, timestamps: bool, details: bytes = b"", joined: bool = False
    ) -> None:
        self._selection = selection
        self._tty = tty
        self._joined = joined
        self._timestamps = timestamps
        self._details = details
        self._within_line: set[int] = set()
        is_all = selection.since == b"" and selection.until == b"~"
        self._headers = {mark: _Headers(stream) for mark, stream in _MARKS if is_all and stream in selection.streams}

    def __call__(self, data: bytes) -> bytes:
        if self._timestamps or self._details:
            return self._by_record(data)
        if self._tty or self._joined:
            outputs = self._selection.output(data)
            return b"".join([output if self._tty else framed(stream, output) for stream, output in outputs])
        try:
            return self._by_line(data)
        except KeyError:  # a line that is left out, or not ended
            return self._by_record(data)

    def _by_line(self, data: bytes) -> bytes:
        """What there is most of, whole lines that are all wanted, without an object per record."""
        lines = data.split(b"\n")
        lines.pop()  # what is behind the last newline: nothing
        headers = self._headers
        return b"\n".join([*[headers[line[_MARK]][len(line)] + line[PREFIX_BYTES:] for line in lines], b""])

    def _by_record(self, data: bytes) -> bytes:
        pack, pieces = _HEADER.pack, []
        for stream, at_text, payload, starts_line in self._selection.records(data, within_line=self._within_line):
            before = self._before(at_text) if starts_line else b""
            if not self._tty:
                pieces.append(pack(stream, len(before) + len(payload)))
            pieces.append(before)
            pieces.append(payload)
        return b"".join(pieces)

    def _before(self, at_text: bytes) -> bytes:
        return at_text + b" " + self._details if self._timestamps else self._details
