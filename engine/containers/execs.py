"""``Execs``: programs run in running containers beside their own (``docker exec``), and what became of them.

They last as long as the engine: one that is started anew knows nothing of execs before it. Programs that still ran
then go on without streams, and end with their container at the latest.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from engine.containers.changes import Changes
from engine.containers.chores import Chores
from engine.containers.exec_process import ExecFailed, ExecProcess
from engine.containers.exec_session import ExecSession
from engine.containers.lifecycle import Lifecycle
from engine.containers.names import new_id
from engine.containers.parts import Parts
from engine.containers.registry import Registry
from engine.containers.warmth import warm_up
from engine.model.container import Container, Status
from engine.model.errors import Conflict, EngineError, Missing
from engine.model.exec import Exec, ExecSpec
from engine.oci.runtime import NOT_EXECUTABLE

_LONGEST_ACTION: Final = 4096
_MOST_KEPT: Final = 1000  # execs that do not run: ended, or never started


class Execs:
    """For the loop's thread. ``close`` it; programs that run go on."""

    def __init__(self, parts: Parts, *, registry: Registry, lifecycle: Lifecycle, changes: Changes) -> None:
        self._parts = parts
        self._registry = registry
        self._lifecycle = lifecycle
        self._changes = changes
        self._chores = Chores()
        self._execs: dict[str, Exec] = {}
        self._running: dict[str, ExecProcess] = {}
        self._sizes: dict[str, tuple[int, int]] = {}

    async def close(self) -> None:
        await self._chores.close(timeout_s=0)

    # -- queries

    def get(self, exec_id: str) -> Exec:
        """Raises Missing, also when the container was removed."""
        found = self._execs.get(exec_id)
        if found is None or self._registry.find_id(found.container_id) is None:
            raise Missing(f"No such exec instance: {exec_id}")
        process = self._running.get(exec_id)
        return replace(found, pid=process.pid) if process else found

    def ids_of(self, container_id: str) -> list[str]:
        """Execs of the container that run or may yet be started."""
        return [
            each.id for each in self._execs.values() if each.container_id == container_id and each.exit_code is None
        ]

    # -- life

    def create(self, container_name: str, spec: ExecSpec) -> Exec:
        """On record, to be started. Raises Conflict when the container does not run."""
        container = _active(self._registry.get(container_name))
        warm_up(self._parts.cgroups, self._chores)
        made = Exec(new_id(), container.id, replace(spec, user=spec.user or container.spec.user))
        self._execs[made.id] = made
        self._forget_oldest()
        self._tell("exec_create", made, container)
        return made

    def start(self, exec_id: str, *, size: tuple[int, int] | None = None, with_input: bool = True) -> ExecSession:
        """Begins and returns at once; the session tells what comes of it. ``size`` is height and width.

        Raises Conflict when the container does not run, or when the exec was started before.
        """
        known = self.get(exec_id)
        container = _active(self._container(known))
        if known.exit_code is not None:
            raise Conflict(f"Error: Exec command {exec_id} has already run")
        if known.is_running:
            raise Conflict(f"Error: Exec command {exec_id} is already running")
        begun = self._execs[exec_id] = replace(known, is_running=True)
        process = self._running[exec_id] = ExecProcess(
            self._parts,
            self._changes,
            container=container,
            exec_=begun,
            takes_input=known.spec.attach_stdin and with_input,
            size=size or self._sizes.pop(exec_id, None) or known.spec.console_size,
        )
        session = ExecSession(process, known.spec, chores=self._chores)
        self._tell("exec_start", known, container)
        self._chores.start(self._run(begun, process, session), what=f"exec {exec_id[:12]}")
        return session

    def resize(self, exec_id: str, *, height: int, width: int) -> None:
        """The terminal's size; before the start it is kept for it, after the end it does not matter."""
        known = self.get(exec_id)
        if process := self._running.get(exec_id):
            process.resize(height=height, width=width)
        elif known.exit_code is None:
            self._sizes[exec_id] = (height, width)

    async def discard(self, exec_id: str) -> None:
        """End the program with all that it started, if it still runs; then the exec was never there."""
        if process := self._running.get(exec_id):
            await process.kill()
        self._execs.pop(exec_id, None)
        self._sizes.pop(exec_id, None)

    def tell_detached(self, exec_id: str) -> None:
        """The client has left by the detach keys."""
        known = self.get(exec_id)
        self._lifecycle.emit("exec_detach", self._container(known), execID=known.id)

    async def _run(self, begun: Exec, process: ExecProcess, session: ExecSession) -> None:
        failure = None
        try:
            try:
                await process.start()
                session.begin()
                code = await process.wait()
            except (EngineError, OSError) as error:
                failure = error if isinstance(error, ExecFailed) else ExecFailed(str(error), exit_code=NOT_EXECUTABLE)
                code = failure.exit_code
            if begun.id in self._execs:  # not discarded meanwhile
                self._execs[begun.id] = replace(begun, is_running=False, exit_code=code, pid=process.pid)
            self._tell_ended(begun, code)
        finally:
            session.end(failure)
            self._running.pop(begun.id, None)
            await process.close()

    # -- the rest

    def _tell(self, action: str, exec_: Exec, container: Container) -> None:
        program, *arguments = exec_.spec.argv
        text = f"{action}: {program} {' '.join(arguments)}"[:_LONGEST_ACTION]  # Docker's space, also before nothing
        self._lifecycle.emit(text, container, execID=exec_.id)

    def _tell_ended(self, exec_: Exec, code: int) -> None:
        container = self._registry.find_id(exec_.container_id)
        if container is not None:
            self._lifecycle.emit("exec_die", container, execID=exec_.id, exitCode=str(code))

    def _container(self, exec_: Exec) -> Container:
        container = self._registry.find_id(exec_.container_id)
        if container is None:
            raise Missing(f"No such container: {exec_.container_id}")
        return container

    def _forget_oldest(self) -> None:
        """So that those of a client that asks every second do not pile up."""
        if len(self._execs) - len(self._running) > _MOST_KEPT:
            oldest = next(self._idle())
            del self._execs[oldest]
            self._sizes.pop(oldest, None)

    def _idle(self) -> Iterator[str]:
        return (exec_id for exec_id in self._execs if exec_id not in self._running)


def _active(container: Container) -> Container:
    """In Docker's words (moby, daemon/errors.go)."""
    if container.status is Status.RESTARTING:
        raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
    if not container.is_running:
        raise Conflict(f"container {container.id} is not running")
    if container.status is Status.PAUSED:
        raise Conflict(f"Container {container.name} is paused, unpause the container before exec")
    return container
