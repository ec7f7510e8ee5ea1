"""Logs that outlive their container: kept when it is removed, the oldest dropped when there are too many.

::

    DATA/containers/ID/log/            while there is the container
         container.log …               see ``log_generations``
         facts.json                    from the moment on in which its removal begins: this log is to be kept
    DATA/kept-logs/ID/                 the same directory afterwards

The facts are written first, then the directory is renamed, so that it is kept whole or not at all: what a killed
engine leaves with facts below ``containers`` is taken over when the next one erases that container. Nothing is copied,
and nothing synced: a power cut may cost what was kept in the last seconds, and what it tore is dropped at the start.
All of them together never take more than what is free beside them.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from engine.config import EngineConfig
from engine.containers.chores import Chores
from engine.host.failpoints import reach
from engine.host.removal import remove_tree
from engine.model.container import Container
from engine.model.digest import is_hex
from engine.model.errors import EngineError, Invalid, Missing
from engine.model.kept_log import KeptLog
from engine.wire.kept_log import decode_facts, encode_facts, kept_log_of
from engine.wire.log_config import can_be_read

LABEL: Final = "naru.keep-logs"  # of a container: "true" or "false", whatever the rule is
FACTS: Final = "facts.json"
_MOST_KEPT: Final = 4000  # what a list reads
_EXPIRY_S: Final = 3600

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    removed_at: datetime
    size_bytes: int


class KeptLogs:
    """Methods that block may be called in any thread, several at a time."""

    def __init__(self, config: EngineConfig, chores: Chores, *, now: Callable[[], datetime]) -> None:
        self._config = config
        self._chores = chores
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}  # the first is the first to go
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_on(self) -> bool:
        return self._config.keep_logs_bytes > 0 and self._config.keep_logs_days > 0

    def begin(self) -> None:
        """From now on those that become too old are dropped by themselves. After ``load``."""
        if self._kept:
            self._chores.start(asyncio.to_thread(self.make_room), what="dropping old logs")
        self._timer = asyncio.get_running_loop().call_later(_EXPIRY_S, self.begin)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def load(self) -> None:
        """Know what earlier engines kept; drop what is not whole. Once, before the rest. Blocks."""
        place = self._config.kept_log("x").parent
        place.mkdir(mode=0o700, exist_ok=True)
        found = []
        for path in place.iterdir():
            try:
                facts = _read_facts(path)
            except (Invalid, OSError) as error:
                _log.warning("kept log %s: dropped, its facts cannot be read: %s", path.name, error)
                remove_tree(path)
                continue
            found.append((facts.removed_at, path.name, log_bytes(path)))
        self._kept = {name: _Kept(removed_at, size) for removed_at, name, size in sorted(found)}
        self.make_room()

    # -- at a removal

    def wants(self, container: Container) -> bool:
        """Whether its log is kept, should it have said anything. ``--rm`` is for what nobody looks back at."""
        if not self.is_on or container.hidden or not can_be_read(container.spec.log):
            return False
        return container.spec.labels.get(LABEL, "false" if container.spec.auto_remove else "true") == "true"

    def mark(self, container: Container) -> None:
        """Its log is to be kept once it is erased, if it says anything until then. Safe to repeat.

        Goes on past failures: nothing is kept. Blocks.
        """
        directory = self._config.log_dir(container.id)
        try:
            if self.wants(container):
                facts = kept_log_of(container, removed_at=self._now())
                (directory / FACTS).write_bytes(encode_facts(facts))
        except FileNotFoundError:
            pass  # an earlier try to remove it came further
        except OSError as error:
            _log.warning("container %s: its log is not kept: %s", container.id, error)
            (directory / FACTS).unlink(missing_ok=True)

    def take(self, container_id: str) -> None:
        """Keep the log if it was marked; its container's directory goes next. Goes on past failures. Blocks."""
        directory = self._config.log_dir(container_id)
        try:
            facts = _facts_if_marked(directory)
            if facts is not None and log_bytes(directory):
                self._keep(facts, directory)
        except (EngineError, OSError) as error:
            _log.warning("container %s: its log is not kept: %s", container_id, error)

    def _keep(self, facts: KeptLog, directory: Path) -> None:
        reach("log.keep")
        with self._lock:
            directory.rename(self._config.kept_log(facts.container_id))
            size = log_bytes(self._config.kept_log(facts.container_id))
            self._kept[facts.container_id] = _Kept(facts.removed_at, size)
            self._make_room()

    # -- afterwards

    def every(self) -> list[KeptLog]:
        """The one that was removed last comes first. Blocks."""
        with self._lock:
            names = [*reversed(self._kept)]
        return [kept for name in names if (kept := self._find(name)) is not None]

    def get(self, name: str) -> KeptLog:
        """By container id, the beginning of exactly one, or name (of several the one removed last).

        Blocks. Raises Missing.
        """
        if kept := self._find(name):
            return kept
        with self._lock:
            begins = [each for each in self._kept if name and each.startswith(name)]
        if len(begins) > 1:
            raise Missing(f"multiple IDs found with provided prefix: {name}")
        kept = self._find(begins[0]) if begins else next((each for each in self.every() if each.name == name), None)
        if kept is None:
            raise Missing(f"No such kept log: {name}")
        return kept

    def remove(self, name: str) -> None:
        """Whoever reads it reads to its end. Blocks. Raises Missing."""
        kept = self.get(name)
        with self._lock:
            self._drop(kept.container_id)

    def make_room(self) -> None:
        """Drop what is too much. Blocks."""
        with self._lock:
            self._make_room()

    def _find(self, container_id: str) -> KeptLog | None:
        known = self._kept.get(container_id)
        if known is None:
            return None
        try:
            return replace(_read_facts(self._config.kept_log(container_id)), size_bytes=known.size_bytes)
        except (Invalid, OSError):  # dropped since
            return None

    def _make_room(self) -> None:
        oldest_at = self._now() - timedelta(days=self._config.keep_logs_days)
        total, free = sum(kept.size_bytes for kept in self._kept.values()), self._free_bytes()
        while self._kept:
            name, kept = next(iter(self._kept.items()))
            if self.is_on and (
                # a disk that logs have filled is emptied by removing their containers
                total <= min(self._config.keep_logs_bytes, free)
                and len(self._kept) <= _MOST_KEPT
                and kept.removed_at >= oldest_at
            ):
                return
            total, free = total - kept.size_bytes, free + kept.size_bytes
            self._drop(name)

    def _free_bytes(self) -> int:
        status = os.statvfs(self._config.kept_log("x").parent)
        return status.f_bavail * status.f_frsize

    def _drop(self, container_id: str) -> None:
        if self._kept.pop(container_id, None) is not None:
            remove_tree(self._config.kept_log(container_id))


def log_bytes(directory: Path) -> int:
    """Of the files of a log; one is there under two names. Blocks."""
    with os.scandir(directory) as entries:
        sizes = {status.st_ino: status.st_size for each in entries if each.name != FACTS for status in [each.stat()]}
    return sum(sizes.values())


def _facts_if_marked(directory: Path) -> KeptLog | None:
    try:
        return decode_facts((directory / FACTS).read_bytes())
    except FileNotFoundError:
        return None


def _read_facts(path: Path) -> KeptLog:
    """Of a kept log. Raises Invalid or OSError."""
    facts = decode_facts((path / FACTS).read_bytes())
    if facts.container_id != path.name or not is_hex(path.name):
        raise Invalid(f"they are of {facts.container_id[:80]!r}")
    return facts
