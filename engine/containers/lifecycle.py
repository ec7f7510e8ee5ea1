"""Starts, ends and removals of containers: one change at a time per container, and who is told when.

A container's lock is held while it changes. Whoever waits for an end is told as soon as the exit code is on record
and the ports are free; the rest of the taking down happens after that, still under the lock.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import datetime

from engine.containers import transitions
from engine.containers.chores import Chores
from engine.containers.exit_watch import ExitWatch
from engine.containers.kept_logs import KeptLogs
from engine.containers.oom_watch import OomWatch
from engine.containers.parts import Parts
from engine.containers.registry import Registry
from engine.containers.removals import Removals
from engine.containers.restart_rules import restarts_after, starts_with_engine
from engine.containers.restarts import Restarts
from engine.containers.sharing import Sharing
from engine.containers.standard_input import Inputs
from engine.containers.startup import StartFailed, Startup
from engine.containers.teardown import Teardown
from engine.containers.waiting import Exit, Waiters
from engine.containers.warmth import warm_up
from engine.host import processes
from engine.host.failpoints import reach
from engine.model.container import Container, RestartRule, Status
from engine.model.errors import EngineError, Invalid, Unavailable
from engine.oci.monitor import Exited, read_exit
from engine.store.locks import KeyedLock

_log = logging.getLogger(__name__)
_OOM_LOOKS = 20
_OOM_PAUSE_S = 0.01
_KILLED = 137  # by SIGKILL
_LOST_EXIT_CODE = 255  # the program ended and nobody was there to ask how


class Lifecycle:
    def __init__(
        self,
        parts: Parts,
        *,
        registry: Registry,
        startup: Startup,
        teardown: Teardown,
        kept_logs: KeptLogs,
        inputs: Inputs,
        waiters: Waiters,
        chores: Chores,
        sharing: Sharing,
        now: Callable[[], datetime],
    ) -> None:
        self._parts = parts
        self._config = parts.config
        self._registry = registry
        self._startup = startup
        self._teardown = teardown
        self._inputs = inputs
        self._waiters = waiters
        self._chores = chores
        self._sharing = sharing
        self._now = now
        self._locks = KeyedLock()
        self._sizes: dict[str, tuple[int, int]] = {}
        self._restarts = Restarts(chores, self._start_again)
        self._removals = Removals(
            parts,
            registry=registry,
            teardown=teardown,
            kept_logs=kept_logs,
            waiters=waiters,
            emit=self.emit,
            forget=self._forget,
        )
        self._exit_watch: ExitWatch | None = None
        self._health_watch: Callable[[Container], None] = lambda _: None
        self._oom_watch: OomWatch | None = None

    def close(self) -> None:
        """Nothing starts by itself any more. Call before the chores are waited for."""
        self._restarts.close()

    def begin_watching(self, exit_watch: ExitWatch, oom_watch: OomWatch) -> None:
        self._exit_watch = exit_watch
        self._oom_watch = oom_watch

    def begin_checking(self, health_watch: Callable[[Container], None]) -> None:
        """``health_watch`` is called with each container that runs from now on, stands still, or has ended."""
        self._health_watch = health_watch

    # -- start

    async def start(self, container_id: str) -> None:
        """Because somebody asks for it, or because the engine has started."""
        warm_up(self._parts.cgroups, self._chores)
        async with self._locks.hold(container_id):
            container = self._registry.get_id(container_id)
            transitions.check_startable(container)
            self._restarts.forget(container_id)
            await self._start_or_record(transitions.asked_to_start(container))

    async def _start_again(self, container_id: str) -> None:
        """Its restart policy wants it, unless somebody has called that off."""
        async with self._locks.hold(container_id):
            container = self._registry.find_id(container_id)
            if container is not None and container.status is Status.RESTARTING:
                await self._start_or_record(container)

    async def call_off_restart(self, container_id: str) -> bool:
        """Its policy starts it no more, from now until somebody does; True when it was just waiting to be started."""
        known = self._registry.get_id(container_id)
        if known.spec.restart.rule is RestartRule.NO and known.status is not Status.RESTARTING:
            return False
        async with self._locks.hold(container_id):
            container = self._registry.find_id(container_id)
            if container is None:
                return False
            is_waiting = container.status is Status.RESTARTING
            container = transitions.asked_to_stop(container)
            if is_waiting:
                self._restarts.forget(container_id)
                container = transitions.restart_called_off(container)
            await self._registry.save(container)  # before any signal: an engine that is killed now must know
            if is_waiting:  # its last end was not the last word, and now is
                self._waiters.tell_exited(container_id, Exit(container.exit_code, container.error))
            return is_waiting

    def begin_restarts(self) -> int:
        """All is recovered: those start whose policy wants them up, and their number is returned."""
        for container in self._registry.every():
            if container.status is Status.RESTARTING and not self._restarts.is_waiting(container.id):
                self._restarts.schedule(container.id, ran_for_s=0)
        down = [container.id for container in self._registry.every() if starts_with_engine(container)]
        for container_id in down:
            self._chores.start(self.start(container_id), what=f"start of {container_id[:12]} with the engine")
        self._restarts.begin()
        return len(down) + self._restarts.count

    async def _start_or_record(self, container: Container) -> None:
        try:
            await self._start(container)
        except (EngineError, OSError) as error:
            told = error if isinstance(error, EngineError) else Unavailable(f"cannot start the container: {error}")
            await self._record_failed_start(container, told)
            raise told from error

    async def _start(self, container: Container) -> None:
        standard_input = self._inputs.of(container.id) if container.spec.open_stdin else None
        self._sharing.expect(container)
        started = await self._startup.bring_up(
            container, standard_input=standard_input, tty_size=self._sizes.get(container.id)
        )
        container = transitions.running(
            container,
            process=started.process,
            monitor=started.monitor,
            uid_base=started.uid_base,
            endpoints=started.endpoints,
            at=self._now(),
        )
        try:
            reach("started.row")
            await self._registry.save(container)
        except (EngineError, OSError):  # unrecorded, it would run on with nobody to know it
            await self._teardown.take_down(container.id, monitor=started.monitor)
            raise
        self.emit("start", container)
        self.watch(container)

    async def _record_failed_start(self, container: Container, error: EngineError) -> None:
        """As Docker leaves it: not running, with reason and code; gone if it was to be removed after its end."""
        self._inputs.drop(container.id)
        code = error.exit_code if isinstance(error, StartFailed) else 128
        container = await self._registry.save(transitions.start_failed(container, exit_code=code, error=str(error)))
        # no error here: the one who asked for the start is told, and the CLI would print what its wait says beside that
        self._waiters.tell_exited(container.id, Exit(code))
        if container.spec.auto_remove:
            await self._removals.remove(container, with_volumes=True)

    def watch(self, container: Container) -> None:
        """See a running container's end, also one that was before."""
        if self._exit_watch is not None and container.process is not None and container.monitor is not None:
            self._exit_watch.watch(container.id, process=container.process, monitor=container.monitor)
        self._tell_watches(container)
        if self._oom_watch is not None:
            self._oom_watch.watch(container)

    def _tell_watches(self, container: Container) -> None:
        self._health_watch(container)
        self._sharing.follow(container)

    def oom_seen(self, container_id: str) -> None:
        """Called by the oom watch, perhaps twice."""
        self._chores.start(self._handle_oom(container_id), what=f"oom in {container_id[:12]}")

    async def _handle_oom(self, container_id: str) -> None:
        """The kernel gives notice first and counts when it has killed: that is waited for."""
        for _ in range(_OOM_LOOKS):
            async with self._locks.hold(container_id):
                container = self._registry.find_id(container_id)
                if container is None or not container.is_running:
                    return
                if self._was_oom(container):
                    await self._registry.save(transitions.oom_killed(container))
                    self.emit("oom", container)
                    return
            await asyncio.sleep(_OOM_PAUSE_S)

    def _was_oom(self, container: Container) -> bool:
        """The kernel killed in it for want of memory, and nobody has been told yet."""
        return self._oom_watch is not None and self._oom_watch.take_news(container)

    # -- end

    def exit_seen(self, container_id: str) -> None:
        """Called by the exit watch, perhaps too early, twice, or for a container nobody knows."""
        if self._registry.find_id(container_id) is not None:
            self._chores.start(self._handle_exit(container_id), what=f"exit of {container_id[:12]}")

    async def _handle_exit(self, container_id: str) -> None:
        async with self._locks.hold(container_id):
            container = self._registry.find_id(container_id)
            if container is None or not container.is_running or container.process is None:
                return
            exited = read_exit(self._config.exit_dir, container_id)  # quicker than a thread is woken
            if exited is None and processes.is_alive(container.process):
                return
            await self.record_exit(container, exited)

    async def record_exit(self, container: Container, exited: Exited | None) -> None:
        """The container has ended: say so, then take it down. Its lock is held, or nobody else is there yet."""
        monitor = container.monitor
        if self._exit_watch is not None:
            self._exit_watch.forget(container.id)
        self._inputs.drop(container.id)
        self._sizes.pop(container.id, None)
        # without a limit it takes a machine without memory: not worth a look after each good end
        is_killed = (not exited or exited.code == _KILLED) and not self._removals.is_expected(container.id)
        if (container.spec.resources.memory_bytes or is_killed) and self._was_oom(container):
            container = transitions.oom_killed(container)
            self.emit("oom", container)
        if self._oom_watch is not None:
            self._oom_watch.forget(container.id)
        await self._teardown.disconnect(container.id)
        ended = transitions.exited(
            container,
            exit_code=exited.code if exited else _LOST_EXIT_CODE,
            at=exited.at if exited else self._now(),
            error="" if exited else "the container ended without its monitor; its exit code is not known",
        )
        self._tell_watches(ended)
        is_removed = self._removals.is_due(ended)
        is_restarted = not is_removed and restarts_after(ended, exit_code=ended.exit_code)
        if is_restarted:
            ended = transitions.restarting(ended)
        if is_removed:
            await self._removals.at_end(ended, self._tell_ended)
        else:
            await self._save_end(ended)
            self._tell_ended(ended)
        await self._teardown.take_down_ended(container.id, monitor=monitor, and_erase=is_removed)
        if is_removed:
            self._restarts.forget(container.id)
        elif is_restarted:
            self._restarts.schedule(container.id, ran_for_s=_ran_for_s(ended))

    async def _save_end(self, container: Container) -> None:
        """It has ended whether or not that can be written down: a full disk must not hold up who waits for it."""
        try:
            reach("exit.record")
            await self._registry.save(container)
        except (EngineError, OSError) as error:
            _log.error("container %s: its end is not on record: %s", container.id, error)
            self._registry.note(container)

    def _tell_ended(self, container: Container) -> None:
        seconds = str(int(_ran_for_s(container)))
        self.emit("die", container, exitCode=str(container.exit_code), execDuration=seconds)
        self._waiters.tell_exited(container.id, Exit(container.exit_code, container.error))

    # -- the rest

    async def pause(self, container_id: str) -> None:
        async with self._locks.hold(container_id):
            await self._pause(container_id)

    async def _pause(self, container_id: str) -> None:
        container = transitions.paused(self._registry.get_id(container_id))
        await self._sharing.obey(container)  # nobody is to be led to it once it stands still
        try:
            await self._parts.chosen.runtime.pause(container_id)
        except EngineError:
            self._sharing.follow(self._registry.get_id(container_id))
            raise
        await self._registry.save(container)
        self._tell_watches(container)
        self.emit("pause", container)

    async def unpause(self, container_id: str) -> None:
        async with self._locks.hold(container_id):
            await self._unpause(container_id)

    async def _unpause(self, container_id: str) -> None:
        container = transitions.unpaused(self._registry.get_id(container_id))
        await self._parts.chosen.runtime.resume(container_id)
        await self._registry.save(container)
        self._tell_watches(container)
        self.emit("unpause", container)

    async def remove_if_down(self, container_id: str, *, with_volumes: bool) -> bool:
        """Gone, or gone already; False when it runs or is about to. ``with_volumes``: see ``Teardown.erase``."""
        async with self._locks.hold(container_id):
            container = self._registry.find_id(container_id)  # None: it removed itself at its end
            if container is not None and container.is_active:
                return False
            if container is not None:
                transitions.check_removable(container, force=True)
                await self._removals.remove(container, with_volumes=with_volumes)
            return True

    def removed_at_end(self, container_id: str, *, with_volumes: bool) -> AbstractContextManager[None]:
        """Within the block it is removed when it ends, and does not come back."""
        return self._removals.expected(container_id, with_volumes=with_volumes)

    def _forget(self, container_id: str) -> None:
        self._inputs.drop(container_id)
        self._sizes.pop(container_id, None)
        self._restarts.forget(container_id)

    async def rename(self, container_id: str, name: str) -> None:
        async with self._locks.hold(container_id):
            container = self._registry.get_id(container_id)
            if name == container.name:
                raise Invalid("Renaming a container with the same name as its current name")
            self._registry.claim_name(name, container_id)
            try:
                renamed = await self._registry.save(transitions.renamed(container, name))
            except BaseException:
                self._registry.release_name(name, container_id)
                raise
        self.emit("rename", renamed, oldName=f"/{container.name}")

    async def settled(self, container_id: str) -> None:
        """Until nothing changes it: after its end was told, until it is taken down."""
        async with self._locks.hold(container_id):
            pass

    @contextlib.asynccontextmanager
    async def held_still(self, container_id: str) -> AsyncIterator[None]:
        """Nothing starts or removes it within the block."""
        async with self._locks.hold(container_id):
            self._registry.get_id(container_id)
            yield

    @contextlib.asynccontextmanager
    async def quiet(self, container_id: str, *, pause: bool) -> AsyncIterator[None]:
        """Within the block nothing writes to its files or removes them, unless it runs and is not to be paused.

        Raises Conflict when it is being removed.
        """
        if self._registry.get_id(container_id).status is Status.RUNNING and not pause:
            yield
            return
        async with self.held_still(container_id):
            transitions.check_committable(self._registry.get_id(container_id))
            pauses = self._registry.get_id(container_id).status is Status.RUNNING
            if pauses:
                await self._pause(container_id)
            try:
                yield
            finally:
                if pauses:
                    await self._unpause_or_log(container_id)

    async def _unpause_or_log(self, container_id: str) -> None:
        try:
            await self._unpause(container_id)
        except EngineError as error:  # somebody killed it meanwhile: its exit will be seen
            _log.warning("container %s: cannot be unpaused: %s", container_id, error)

    def remember_size(self, container_id: str, *, height: int, width: int) -> None:
        self._sizes[container_id] = (height, width)

    def resize(self, container_id: str, *, height: int, width: int) -> None:
        container = self._registry.get_id(container_id)
        transitions.check_running(container)
        self.remember_size(container_id, height=height, width=width)
        with contextlib.suppress(OSError):  # it is ending
            self._startup.resize(container_id, height=height, width=width)
        self.emit("resize", container, height=str(height), width=str(width))

    def emit(self, action: str, container: Container, **attributes: str) -> None:
        if container.hidden:
            return
        spec = container.spec
        common = {**spec.labels, "image": spec.image_name, "name": container.name}
        self._parts.events.emit("container", action, container.id, {**common, **attributes})


def _ran_for_s(container: Container) -> float:
    if container.started_at is None or container.finished_at is None:
        return 0.0
    return max(0.0, (container.finished_at - container.started_at).total_seconds())
