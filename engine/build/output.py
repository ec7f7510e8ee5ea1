"""What a build says: its own messages, and a step's output cut into lines as it arrives."""

import codecs
from collections import deque

from engine.build.messages import Emit, Message, Stream

_STDERR = 2
_RED, _PLAIN = "\x1b[91m", "\x1b[0m"  # dockerd marks a step's standard error so, and clients look for it
_MOST_HELD = 4 << 20
_LINE_BYTES = 200  # about, of what is no text


def reddened(text: str) -> str:
    return f"{_RED}{text}{_PLAIN}"


class StepOutput:
    """Bytes of both streams to messages of at most one line; what is not UTF-8 is replaced."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._decoders: dict[int, codecs.IncrementalDecoder] = {}

    async def take(self, stream: int, data: bytes) -> None:
        decoder = self._decoders.get(stream)
        if decoder is None:
            decoder = self._decoders[stream] = codecs.getincrementaldecoder("utf-8")("replace")
        await self._tell(stream, decoder.decode(data))

    async def end(self) -> None:
        for stream, decoder in self._decoders.items():
            await self._tell(stream, decoder.decode(b"", final=True))

    async def _tell(self, stream: int, text: str) -> None:
        for line in _lines(text):
            await self._emit(Stream(reddened(line) if stream == _STDERR else line))


def _lines(text: str) -> list[str]:
    """Cut behind each newline; unlike str.splitlines, nowhere else."""
    *whole, rest = text.split("\n")
    lines = [f"{line}\n" for line in whole]
    return [*lines, rest] if rest else lines


class Quiet:
    """Holds back all messages, for a quiet build: only one that fails shows the last of them."""

    def __init__(self) -> None:
        self._held: deque[Message] = deque()
        self._size = 0

    async def emit(self, message: Message) -> None:
        self._held.append(message)
        self._size += _size(message)
        while self._size > _MOST_HELD:
            self._size -= _size(self._held.popleft())

    async def release(self, emit: Emit) -> None:
        while self._held:
            await emit(self._held.popleft())


def _size(message: Message) -> int:
    return len(message.text) if isinstance(message, Stream) else _LINE_BYTES
