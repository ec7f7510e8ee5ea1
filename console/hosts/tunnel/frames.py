"""What travels through a tunnel. Pure.

The console's first message is text, a JSON object: the host's name and the key of its jobs (:class:`Welcome`). All
others are binary, of at most MOST_BYTES: one byte of kind, four of the stream's number (big-endian), and what it holds.

    O  the console opens a stream to the engine; there is nothing to choose
    D  bytes of the stream, at most PIECE
    E  the sender of it sends no more (a half-closed connection); the other direction goes on
    R  the stream is broken off, with a reason for logs
    W  so many more bytes may be sent (four bytes, big-endian)
    P  are you there (stream 0)        Q  yes
"""

import json
import struct
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

HEAD: Final = struct.Struct(">cI")
CREDIT: Final = struct.Struct(">I")
# small, so that a key's echo never waits behind much of a download
PIECE: Final = 16 * 1024
MOST_BYTES: Final = HEAD.size + PIECE
# what either side may have sent that the other has not passed on: at first, and when it is seen to flow
FIRST_WINDOW: Final = 64 * 1024
MOST_WINDOW: Final = 1024 * 1024

# how a tunnel ends, as codes of the websocket
REPLACED: Final = 4409
ENDED: Final = 4403
MALFORMED: Final = 4400
SILENT: Final = 4408


class Kind(Enum):
    OPEN = b"O"
    DATA = b"D"
    END = b"E"
    RESET = b"R"
    WINDOW = b"W"
    PING = b"P"
    PONG = b"Q"


class BadFrame(Exception):
    """The other side does not keep to what is agreed; nothing it says can be trusted any more."""


@dataclass(frozen=True, slots=True)
class Frame:
    kind: Kind
    stream: int = 0
    data: bytes = b""

    def encoded(self) -> bytes:
        return HEAD.pack(self.kind.value, self.stream) + self.data

    @classmethod
    def decoded(cls, message: bytes) -> Self:
        if not HEAD.size <= len(message) <= MOST_BYTES:
            raise BadFrame(f"a frame of {len(message)} bytes")
        kind, stream = HEAD.unpack_from(message)
        try:
            return cls(Kind(kind), stream, message[HEAD.size :])
        except ValueError as error:
            raise BadFrame(f"a frame of kind {kind!r}") from error

    @classmethod
    def window(cls, stream: int, more: int) -> Self:
        return cls(Kind.WINDOW, stream, CREDIT.pack(more))

    @property
    def more(self) -> int:
        """Of a window: how many bytes more."""
        if len(self.data) != CREDIT.size:
            raise BadFrame("a window that is no number")
        (more,) = CREDIT.unpack(self.data)
        return int(more)


@dataclass(frozen=True, slots=True)
class Welcome:
    """Who the agent is, as the console knows it. ``signing_key`` is what its jobs are signed with."""

    name: str
    signing_key: str

    def encoded(self) -> str:
        return json.dumps({"name": self.name, "signing_key": self.signing_key})

    @classmethod
    def decoded(cls, text: str) -> Self:
        try:
            given = json.loads(text)
            return cls(str(given["name"]), str(given["signing_key"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BadFrame("the console did not say who this host is") from error
