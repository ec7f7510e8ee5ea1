"""Directories that ``RUN --mount=type=cache`` keeps from one build to the next.

Each is ``ROOT/ID/files`` with its facts in ``ROOT/ID/record.json``; ID is made from all that tells caches apart, and
a number for one that a private mount made because the first was in use. What steps write there is in no layer.
"""

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from engine.build.run_mounts import Sharing
from engine.build.threads import in_thread
from engine.host.disk_usage import tree_bytes
from engine.host.removal import remove_tree

_RECORD = "record.json"
_FILES = "files"
Fill = Callable[[Path], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CacheRecord:
    """One cache as clients list it. Times are RFC 3339 in UTC; ``size_bytes`` is counted when asked for."""

    id: str
    description: str
    created_at: str
    last_used_at: str
    usage_count: int
    is_in_use: bool = False
    size_bytes: int = 0


class CacheMounts:
    """``root`` is ours alone and is made with the first cache. One per engine: who uses what is known here only."""

    def __init__(self, root: Path, *, now: Callable[[], datetime]) -> None:
        self._root = root
        self._now = now
        self._users: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Lock] = {}
        self._making = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def held(self, key: str, *, sharing: Sharing, description: str, fill: Fill) -> AsyncIterator[Path]:
        """The cache's directory while the block lasts; ``fill`` makes its first content and owner."""
        cache_id = hashlib.sha256(key.encode()).hexdigest()[:32]
        async with contextlib.AsyncExitStack() as turn:
            if sharing is Sharing.LOCKED:
                await turn.enter_async_context(self._turns.setdefault(cache_id, asyncio.Lock()))
            if sharing is Sharing.PRIVATE:
                cache_id = self._unused(cache_id)
            self._users[cache_id] += 1
            try:
                yield await self._opened(cache_id, description, fill)
            finally:
                self._users[cache_id] -= 1

    def _unused(self, cache_id: str) -> str:
        number, found = 1, cache_id
        while self._users[found]:
            number += 1
            found = f"{cache_id}-{number}"
        return found

    async def _opened(self, cache_id: str, description: str, fill: Fill) -> Path:
        async with self._making:
            place = self._root / cache_id
            record = await in_thread(_read, place)
            now = self._now().astimezone(UTC).isoformat().replace("+00:00", "Z")
            if record is None:
                await self._make(place, fill)
                record = CacheRecord(cache_id, description, now, now, 0)
            record = replace(record, last_used_at=now, usage_count=record.usage_count + 1)
            await in_thread(_write, place, record)
            return place / _FILES

    async def _make(self, place: Path, fill: Fill) -> None:
        """All of it or nothing: a record is written last, and a directory without one counts as none."""
        await in_thread(remove_tree, place)
        await in_thread(lambda: (place / _FILES).mkdir(parents=True, mode=0o755))
        try:
            await fill(place / _FILES)
        except BaseException:
            await in_thread(remove_tree, place)
            raise

    def records(self) -> list[CacheRecord]:
        """Oldest first, sizes counted. Blocks."""
        found = [record for place in self._places() if (record := _read(place)) is not None]
        return [
            replace(one, is_in_use=self._users[one.id] > 0, size_bytes=tree_bytes(self._root / one.id / _FILES))
            for one in sorted(found, key=lambda one: (one.created_at, one.id))
        ]

    async def remove(self, cache_id: str) -> bool:
        """False when somebody uses it or it is not there."""
        async with self._making:
            if self._users[cache_id] or not (self._root / cache_id).is_dir():
                return False
            await in_thread(remove_tree, self._root / cache_id)
            return True

    def _places(self) -> list[Path]:
        return sorted(self._root.iterdir()) if self._root.is_dir() else []


def _read(place: Path) -> CacheRecord | None:
    """None as well for what a power cut left half written: the cache is then made anew."""
    try:
        return CacheRecord(**json.loads((place / _RECORD).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write(place: Path, record: CacheRecord) -> None:
    draft = place / f"{_RECORD}.new"
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(place / _RECORD)
