"""The messages of stages that run at the same time, told one stage after another.

Clients read a build as one list of steps. So the first stage that has not ended speaks at once, and what the later
ones say is kept until it is their turn: in memory, and beyond a little in a file without a name. No stage ever waits
for another's turn, as it may hold what that one needs (a locked cache).
"""

import asyncio
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, Final

import msgspec

from engine.build.messages import BuiltImage, Emit, Message, Pulling, Stream
from engine.model.transfer import LayerStep, PushedTag, Remark, Telling

_MOST_IN_MEMORY: Final = 256 << 10
_HEAD: Final = struct.Struct("<BI")  # of a message in the file: which of _KINDS, and its length
_OWN: Final = (Stream, BuiltImage)
_OF_PULLS: Final = (Remark, LayerStep, PushedTag)  # within a Pulling
_KINDS: Final[tuple[type[Any], ...]] = (*_OWN, *_OF_PULLS)


class OrderedOutput:
    """``stages`` in the order in which they are to be heard; each uses the emit of ``of`` and then calls ``end``.

    ``held`` owns the files, which are made in ``spool_root``.
    """

    def __init__(self, emit: Emit, stages: Sequence[int], *, spool_root: Path, held: ExitStack) -> None:
        self._emit = emit
        self._waiting = deque(stages)
        self._kept = {stage: held.enter_context(_Kept(spool_root)) for stage in stages}
        self._ended: set[int] = set()
        self._telling = asyncio.Lock()

    def of(self, stage: int) -> Emit:
        async def emit(message: Message) -> None:
            async with self._telling:
                if self._waiting and self._waiting[0] == stage:
                    await self._emit(message)
                else:
                    self._kept[stage].add(message)

        return emit

    async def end(self, stage: int) -> None:
        """It says no more; the next one is heard, with all that it had to hold back."""
        async with self._telling:
            self._ended.add(stage)
            while self._waiting and self._waiting[0] in self._ended:
                self._waiting.popleft()
                if self._waiting:
                    await self._tell(self._waiting[0])

    async def fail(self, stage: int) -> None:
        """The build ends by this stage: what it said before is told, whoever else's turn it is."""
        async with self._telling:
            await self._tell(stage)

    async def _tell(self, stage: int) -> None:
        for message in self._kept[stage].taken():
            await self._emit(message)


class _Kept:
    """Messages in the order of ``add``. Writing them is small and buffered, so it is done in the loop."""

    def __init__(self, spool_root: Path) -> None:
        self._file = SpooledTemporaryFile(max_size=_MOST_IN_MEMORY, dir=str(spool_root))  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> "_Kept":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, message: Message) -> None:
        told = message.telling if isinstance(message, Pulling) else message
        data = msgspec.msgpack.encode(told)
        self._file.write(_HEAD.pack(_KINDS.index(type(told)), len(data)) + data)

    def taken(self) -> Iterator[Message]:
        """All so far, each once; nothing is added meanwhile."""
        size = self._file.tell()
        self._file.seek(0)
        while self._file.tell() < size:
            kind, length = _HEAD.unpack(self._file.read(_HEAD.size))
            told: Stream | BuiltImage | Telling = msgspec.msgpack.decode(self._file.read(length), type=_KINDS[kind])
            yield told if isinstance(told, _OWN) else Pulling(told)
        self._file.seek(0)
        self._file.truncate()
