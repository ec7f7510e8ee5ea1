"""Seeing that containers end: conmon's exit files as they appear, and conmons that die without leaving one."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from engine.containers.changes import Changes
from engine.host import processes
from engine.host.inotify import CREATE, MOVED_TO, OVERFLOW, Change
from engine.model.container import ProcessIdentity
from engine.model.errors import Missing

_log = logging.getLogger(__name__)
_GRACE_S = 1.0  # between conmon's end and its exit file's being seen


class ExitWatch:
    """Calls ``ended(container_id)`` at least once after a watched container's end; late or double calls happen.

    A monitor is the parent that knows the exit code; if it is killed, its container lives on and only its end is seen.
    """

    def __init__(self, exit_dir: Path, changes: Changes, *, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._exit_dir = exit_dir
        self._undo = ExitStack()
        self._undo.enter_context(changes.watching(exit_dir, MOVED_TO | CREATE, self._exit_file_appeared))
        self._monitors: dict[str, tuple[int, asyncio.Task[None] | None]] = {}

    def watch(self, container_id: str, *, process: ProcessIdentity, monitor: ProcessIdentity) -> None:
        """Until ``forget``. Also sees an end that came before this call."""
        self.forget(container_id)
        try:
            pidfd = processes.open_pidfd(monitor)
        except Missing:
            self._monitor_gone(container_id, process)
            return
        self._monitors[container_id] = (pidfd, None)
        # readable once the process has ended (pidfd_open(2))
        asyncio.get_running_loop().add_reader(pidfd, self._monitor_gone, container_id, process)

    def forget(self, container_id: str) -> None:
        pidfd, task = self._monitors.pop(container_id, (-1, None))
        if pidfd >= 0:
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def close(self) -> None:
        for container_id in tuple(self._monitors):
            self.forget(container_id)
        self._undo.close()

    def _exit_file_appeared(self, change: Change) -> None:
        if change.mask & OVERFLOW:
            for path in self._exit_dir.iterdir():
                self._ended(path.name)
        elif "." not in change.name:  # glib writes ID.XXXXXX and renames it
            self._ended(change.name)

    def _monitor_gone(self, container_id: str, process: ProcessIdentity) -> None:
        self.forget(container_id)
        task = asyncio.create_task(
            self._without_monitor(container_id, process), name=f"monitor lost {container_id[:12]}"
        )
        self._monitors[container_id] = (-1, task)

    async def _without_monitor(self, container_id: str, process: ProcessIdentity) -> None:
        """The usual case is an exit file written a moment ago, and that this task is cancelled while it waits."""
        await asyncio.sleep(_GRACE_S)
        if processes.is_alive(process):
            _log.warning("container %s: its monitor is gone; its exit code and further output are lost", container_id)
            while not await processes.wait_gone(process, timeout_s=3600):
                pass
        with contextlib.suppress(KeyError):
            del self._monitors[container_id]
        self._ended(container_id)
