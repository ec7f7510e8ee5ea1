"""Seeing the kernel kill in a container for want of memory: while it runs, and looking back from its end.

What is counted is the kernel's own (memory.oom_control on v1, memory.events on v2). When to look is told by conmon on
v1, which makes a file in the bundle, and by the kernel on v2, where memory.events itself changes (cgroup-v2.rst).
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from engine.containers.changes import Changes
from engine.host.cgroups import Cgroups
from engine.host.inotify import CREATE, MODIFY, OVERFLOW, Change
from engine.model.container import Container
from engine.oci.monitor import oom_path


class OomWatch:
    """Calls ``killed(container_id)`` at least once after a kill in a container that has a memory limit.

    One without a limit is only looked at from its end: the machine itself was short of memory then.
    """

    def __init__(
        self, cgroups: Cgroups, changes: Changes, *, bundle: Callable[[str], Path], killed: Callable[[str], None]
    ) -> None:
        self._cgroups = cgroups
        self._changes = changes
        self._bundle = bundle
        self._killed = killed
        self._reported: dict[str, int] = {}
        self._watches: dict[str, ExitStack] = {}

    def watch(self, container: Container) -> None:
        """Until ``forget``. Also sees a kill before this call that nobody has been told of."""
        self.forget(container.id)
        if not container.spec.resources.memory_bytes or container.hidden:
            return
        self._watches[container.id] = watches = ExitStack()
        path = self._path(container.id)
        if not path.exists():
            return  # it has ended; its end will be seen
        mask = MODIFY if self._cgroups.unified else CREATE
        watches.enter_context(self._changes.watching(path, mask, lambda change: self._changed(container.id, change)))
        if self._cgroups.unified or oom_path(self._bundle(container.id)).exists():
            self._killed(container.id)

    def take_news(self, container: Container) -> bool:
        """Whether the kernel has killed since this was last asked. Blocks for no longer than a small file takes."""
        oom_path(self._bundle(container.id)).unlink(missing_ok=True)  # made again at the next kill, which is watched
        kills = self._cgroups.oom_kills(container.id)
        # an engine before this one has told of those it saw
        reported = self._reported.get(container.id, kills if container.oom_killed else 0)
        self._reported[container.id] = max(kills, reported)
        return kills > reported

    def forget(self, container_id: str) -> None:
        self._reported.pop(container_id, None)
        if watches := self._watches.pop(container_id, None):
            watches.close()

    def close(self) -> None:
        for container_id in tuple(self._watches):
            self.forget(container_id)

    def _path(self, container_id: str) -> Path:
        if self._cgroups.unified:
            return self._cgroups.directory(container_id, "memory") / "memory.events"
        return self._bundle(container_id)

    def _changed(self, container_id: str, change: Change) -> None:
        mark = oom_path(self._bundle(container_id)).name
        if change.mask & OVERFLOW or self._cgroups.unified or change.name == mark:
            self._killed(container_id)
