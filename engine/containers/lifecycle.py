"""Starting, ending and removing containers: one change at a time per container, and who is told when.

A container's lock is held while it changes. Whoever waits for an end is told as soon as the exit code is on record
and the ports are free; the rest of the taking down happens after that, still under the lock.
"""

import asyncio
import contextlib
import logging
import signal as signals
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from engine.containers import transitions
from engine.containers.chores import Chores
from engine.containers.exit_watch import ExitWatch
from engine.containers.parts import Parts
from engine.containers.registry import Registry
from engine.containers.signals import parse_signal
from engine.containers.standard_input import Inputs
from engine.containers.startup import StartFailed, Startup
from engine.containers.teardown import Teardown
from engine.containers.waiting import Exit, WaitCondition, Waiters
from engine.host import processes
from engine.model.container import Container, Status
from engine.model.errors import Conflict, EngineError, Invalid, Missing, Unavailable
from engine.oci.monitor import Exited, oom_path, read_exit
from engine.store.locks import KeyedLock

_log = logging.getLogger(__name__)
_DEFAULT_STOP_S = 10
_KILL_WAIT_S = 10
_LOST_EXIT_CODE = 255  # the program ended and nobody was there to ask how


class Lifecycle:
    def __init__(
        self,
        parts: Parts,
        *,
        registry: Registry,
        startup: Startup,
        teardown: Teardown,
        inputs: Inputs,
        waiters: Waiters,
        chores: Chores,
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
        self._now = now
        self._locks = KeyedLock()
        self._sizes: dict[str, tuple[int, int]] = {}
        self._exit_watch: ExitWatch | None = None

    def begin_watching(self, exit_watch: ExitWatch) -> None:
        self._exit_watch = exit_watch

    # -- start

    async def start(self, container_id: str) -> None:
        self._chores.start(asyncio.to_thread(self._parts.cgroups.prewarm), what="prewarm")
        async with self._locks.hold(container_id):
            container = self._current(container_id)
            transitions.check_startable(container)
            try:
                await self._start(container)
            except (EngineError, OSError) as error:
                told = error if isinstance(error, EngineError) else Unavailable(f"cannot start the container: {error}")
                await self._record_failed_start(container, told)
                raise told from error

    async def _start(self, container: Container) -> None:
        standard_input = self._inputs.of(container.id) if container.spec.open_stdin else None
        started = await self._startup.bring_up(
            container, standard_input=standard_input, tty_size=self._sizes.get(container.id)
        )
        container = transitions.running(
            container,
            process=started.process,
            monitor=started.monitor,
            uid_base=started.uid_base,
            endpoint=started.endpoint,
            at=self._now(),
        )
        await self._registry.save(container)
        self.emit("start", container)
        self.watch(container)

    async def _record_failed_start(self, container: Container, error: EngineError) -> None:
        """As Docker leaves it: still created, with reason and code; gone if it was to be removed after its end."""
        self._inputs.drop(container.id)
        code = error.exit_code if isinstance(error, StartFailed) else 128
        container = await self._registry.save(transitions.start_failed(container, exit_code=code, error=str(error)))
        # no error here: the one who asked for the start is told, and the CLI would print what its wait says beside that
        self._waiters.tell_exited(container.id, Exit(code))
        if container.spec.auto_remove:
            await self._remove(container)

    def watch(self, container: Container) -> None:
        """See a running container's end, also one that was before."""
        if self._exit_watch is not None and container.process is not None and container.monitor is not None:
            self._exit_watch.watch(container.id, process=container.process, monitor=container.monitor)

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
            exited = await asyncio.to_thread(read_exit, self._config.exit_dir, container_id)
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
        was_oom = oom_path(self._config.bundle(container.id)).exists()
        await self._teardown.disconnect(container.id)
        ended = transitions.exited(
            container,
            exit_code=exited.code if exited else _LOST_EXIT_CODE,
            at=exited.at if exited else self._now(),
            oom_killed=was_oom,
            error="" if exited else "the container ended without its monitor; its exit code is not known",
        )
        if was_oom:
            self.emit("oom", container)
        if ended.spec.auto_remove and not ended.hidden:
            await self._end_and_remove(ended)
        else:
            await self._registry.save(ended)
            self._tell_ended(ended)
        await self._teardown.take_down(container.id, monitor=monitor)
        if self._registry.find_id(container.id) is None:
            await self._teardown.erase(container.id)

    def _tell_ended(self, container: Container) -> None:
        seconds = 0
        if container.started_at and container.finished_at:
            seconds = max(0, int((container.finished_at - container.started_at).total_seconds()))
        self.emit("die", container, exitCode=str(container.exit_code), execDuration=str(seconds))
        self._waiters.tell_exited(container.id, Exit(container.exit_code, container.error))

    async def _end_and_remove(self, container: Container) -> None:
        """The record first: if the engine dies now, the next one finds files that belong to nobody and removes them."""
        await self._registry.forget(container)
        self._tell_ended(container)
        self.emit("destroy", container)
        self._waiters.tell_removed(container.id, Exit(container.exit_code))

    # -- signals

    async def kill(self, container_id: str, *, signal: str) -> None:
        number = parse_signal(signal) if signal else int(signals.SIGKILL)
        container = self._current(container_id)
        transitions.check_running(container, to="kill")
        over = self._waiters.register(container_id, WaitCondition.NOT_RUNNING)
        try:
            await self._send(container, number)
            self.emit("kill", container, signal=str(number))
            if number == signals.SIGKILL:  # clients expect it to be dead when kill returns
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(over.exit(), _KILL_WAIT_S)
        finally:
            over.cancel()

    async def stop(self, container_id: str, *, timeout_s: int | None, signal: str) -> None:
        """Returns when the container is down and a start or remove can follow at once."""
        container = self._current(container_id)
        transitions.check_stoppable(container)
        number = parse_signal(signal or container.spec.stop_signal or "TERM")
        limit = timeout_s if timeout_s is not None else container.spec.stop_timeout_s
        limit = _DEFAULT_STOP_S if limit is None else limit
        over = self._waiters.register(container_id, WaitCondition.NOT_RUNNING)
        try:
            if container.status is Status.PAUSED:
                await self.unpause(container_id)
            await self._send(container, number)
            self.emit("kill", container, signal=str(number))
            try:
                await asyncio.wait_for(over.exit(), None if limit < 0 else limit)
            except TimeoutError:
                await self.kill(container_id, signal="KILL")
        except Conflict:
            pass  # it ended by itself in the meantime
        finally:
            over.cancel()
        async with self._locks.hold(container_id):  # taken down
            current = self._registry.find_id(container_id)
            if current is not None and current.is_running:
                raise Unavailable(f"container {container.name} did not stop, not even when killed")
        self.emit("stop", container)

    async def _send(self, container: Container, number: int) -> None:
        if container.process is None:
            return
        try:
            await asyncio.to_thread(processes.send_signal, container.process, number)
        except Missing:
            # it is ending this moment; its exit will be seen, and is the answer
            _log.debug("container %s ended before signal %d", container.id, number)

    async def pause(self, container_id: str) -> None:
        async with self._locks.hold(container_id):
            container = transitions.paused(self._current(container_id))
            await self._parts.chosen.runtime.pause(container_id)
            await self._registry.save(container)
        self.emit("pause", container)

    async def unpause(self, container_id: str) -> None:
        async with self._locks.hold(container_id):
            container = transitions.unpaused(self._current(container_id))
            await self._parts.chosen.runtime.resume(container_id)
            await self._registry.save(container)
        self.emit("unpause", container)

    # -- the rest

    async def remove(self, container_id: str, *, force: bool) -> None:
        container: Container | None = self._current(container_id)
        while container is not None:
            transitions.check_removable(container, force=force)
            if container.is_running:
                await self._end_by_force(container)
            async with self._locks.hold(container_id):
                container = self._registry.find_id(container_id)  # None: it removed itself at its end
                if container is not None and not container.is_running:
                    transitions.check_removable(container, force=force)
                    await self._remove(container)
                    return
            # somebody's start came first: as if it had run when we were asked

    async def _end_by_force(self, container: Container) -> None:
        with contextlib.suppress(Conflict):  # it ended by itself
            if container.status is Status.PAUSED:
                await self.unpause(container.id)
            await self.kill(container.id, signal="KILL")
        await self.settled(container.id)
        current = self._registry.find_id(container.id)
        if current is not None and current.process == container.process is not None:
            raise Unavailable(f"container {container.name} cannot be killed")

    async def _remove(self, container: Container) -> None:
        await self._registry.save(transitions.removing(container))
        await self._teardown.take_down(container.id)
        await self._teardown.erase(container.id)
        self._inputs.drop(container.id)
        self._sizes.pop(container.id, None)
        await self._registry.forget(container)
        self.emit("destroy", container)
        self._waiters.tell_removed(container.id, Exit(container.exit_code))

    async def rename(self, container_id: str, name: str) -> None:
        async with self._locks.hold(container_id):
            container = self._current(container_id)
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
            self._current(container_id)
            yield

    def resize(self, container_id: str, *, height: int, width: int) -> None:
        """Before the start it is remembered for it."""
        container = self._current(container_id)
        self._sizes[container_id] = (height, width)
        if container.is_running:
            with contextlib.suppress(OSError):  # it is ending
                self._startup.resize(container_id, height=height, width=width)

    def emit(self, action: str, container: Container, **attributes: str) -> None:
        if container.hidden:
            return
        spec = container.spec
        common = {**spec.labels, "image": spec.image_name, "name": container.name}
        self._parts.events.emit("container", action, container.id, {**common, **attributes})

    def _current(self, container_id: str) -> Container:
        container = self._registry.find_id(container_id)
        if container is None:
            raise Missing(f"No such container: {container_id}")
        return container
