"""``Containers``: all that the API and the builder may ask of containers. Its parts are the rest of this package."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from engine.containers.attach import AttachSession, wanted_streams
from engine.containers.browsing import Browsing
from engine.containers.changes import Changes
from engine.containers.chores import Chores
from engine.containers.creation import make_directories, make_places
from engine.containers.ending import Ending
from engine.containers.execs import Execs
from engine.containers.exit_watch import ExitWatch
from engine.containers.files import Files
from engine.containers.health_watch import HealthWatch
from engine.containers.host_binds import HostBinds
from engine.containers.joining import Joining
from engine.containers.kept_logs import KeptLogs
from engine.containers.lifecycle import Lifecycle
from engine.containers.links import link_names, with_known_links
from engine.containers.logs import FollowedEnd, LogRequest, read_log
from engine.containers.names import check_name, new_id
from engine.containers.network_changes import NetworkChanges
from engine.containers.network_wishes import with_known_networks
from engine.containers.oom_watch import OomWatch
from engine.containers.open_logs import OpenLogs
from engine.containers.owner_ranges import OwnerRanges
from engine.containers.parts import Parts
from engine.containers.probes import Probes
from engine.containers.recovery import Recovery
from engine.containers.registry import Registry
from engine.containers.rotation import Rotation
from engine.containers.sharing import Sharing
from engine.containers.standard_input import Inputs
from engine.containers.startup import Startup
from engine.containers.statistics import Statistics
from engine.containers.steps import Scratch, Step, Steps
from engine.containers.teardown import Teardown
from engine.containers.top import Processes, list_processes
from engine.containers.transitions import check_running
from engine.containers.updates import Updates
from engine.containers.views import Views
from engine.containers.volume_backups import VolumeBackups
from engine.containers.volume_use import VolumeUse
from engine.containers.waiting import Exit, WaitCondition, Waiter, Waiters
from engine.containers.warmth import warm_up
from engine.model.container import Container, ContainerSpec, Status
from engine.model.digest import Digest
from engine.model.errors import Conflict, Invalid, Missing, Unsupported
from engine.model.network import EndpointSettings
from engine.model.resources import Resources
from engine.oci.limit_checks import kept_limits
from engine.oci.monitor import attach_path
from engine.wire.container_update import Update
from engine.wire.log_config import can_be_read

_CLOSE_TIMEOUT_S = 20

Found = list[Container]
Names = list[str]
Warnings = list[str]


class Containers:
    """Make it in a running event loop, then ``recover``, then use it; ``close`` leaves running containers running."""

    def __init__(self, parts: Parts, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._parts = parts
        self._config = parts.config
        self._now = now
        parts.config.exit_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._changes = Changes()
        self._chores = Chores()
        self._inputs = Inputs()
        self._waiters = Waiters()
        self._registry = Registry(parts.state)
        owner_ranges = OwnerRanges(parts.user_namespaces)
        self._logs = OpenLogs(parts.config.log_dir, self._changes)
        self._rotation = Rotation(parts.config, self._logs)
        self.kept_logs = KeptLogs(parts.config, self._chores, now=now)
        self._open_kept_logs = OpenLogs(parts.config.kept_log, self._changes)
        teardown = Teardown(parts, owner_ranges, self._rotation, self.kept_logs)
        self._joining = Joining(self._registry.get)
        startup = Startup(
            parts, owner_ranges, teardown, rotation=self._rotation, joining=self._joining, find=self._registry.get
        )
        self._sharing = Sharing(parts.networks, registry=self._registry)
        self._lifecycle = Lifecycle(
            parts,
            registry=self._registry,
            startup=startup,
            teardown=teardown,
            kept_logs=self.kept_logs,
            inputs=self._inputs,
            waiters=self._waiters,
            chores=self._chores,
            sharing=self._sharing,
            now=now,
        )
        self._ending = Ending(
            registry=self._registry, lifecycle=self._lifecycle, waiters=self._waiters, sharing=self._sharing
        )
        self._exit_watch = ExitWatch(parts.config.exit_dir, self._changes, ended=self._lifecycle.exit_seen)
        self._oom_watch = OomWatch(
            parts.cgroups, self._changes, bundle=parts.config.bundle, killed=self._lifecycle.oom_seen
        )
        self._lifecycle.begin_watching(self._exit_watch, self._oom_watch)
        self.execs = Execs(parts, registry=self._registry, lifecycle=self._lifecycle, changes=self._changes)
        self._health_watch = HealthWatch(
            Probes(self.execs, now=now),
            registry=self._registry,
            lifecycle=self._lifecycle,
            sharing=self._sharing,
            now=now,
        )
        self._lifecycle.begin_checking(self._health_watch.follow)
        self.statistics = Statistics(parts, registry=self._registry, waiters=self._waiters, now=now)
        self._updates = Updates(parts, registry=self._registry, lifecycle=self._lifecycle, oom_watch=self._oom_watch)
        self._views = Views(
            parts, registry=self._registry, lifecycle=self._lifecycle, waiters=self._waiters, chores=self._chores
        )
        self._volume_use = VolumeUse(parts, views=self._views, get=self._registry.get)
        self.volume_backups = VolumeBackups(parts, registry=self._registry, lifecycle=self._lifecycle)
        self.files = Files(parts, registry=self._registry, lifecycle=self._lifecycle, views=self._views)
        self.browsing = Browsing(parts, registry=self._registry, views=self._views)
        self._network_changes = NetworkChanges(parts, registry=self._registry, lifecycle=self._lifecycle)
        self._recovery = Recovery(
            parts,
            registry=self._registry,
            lifecycle=self._lifecycle,
            startup=startup,
            teardown=teardown,
            owner_ranges=owner_ranges,
            network_changes=self._network_changes,
            rotation=self._rotation,
            sharing=self._sharing,
            kept_logs=self.kept_logs,
        )
        self._steps = Steps(
            parts,
            registry=self._registry,
            lifecycle=self._lifecycle,
            ending=self._ending,
            teardown=teardown,
            waiters=self._waiters,
            chores=self._chores,
            logs=self._logs,
            now=now,
        )

    async def recover(self) -> None:
        """Take up what an engine before this one left: running containers, exits meanwhile, half-made things."""
        await asyncio.to_thread(make_places, self._config)
        await self._recovery.recover()
        self.kept_logs.begin()

    async def close(self) -> None:
        """Finish what is under way. Containers and their monitors go on."""
        self._exit_watch.close()
        self._oom_watch.close()
        self._lifecycle.close()
        self.kept_logs.close()
        await self._health_watch.close()
        await self.execs.close()
        await self.statistics.close()
        await self._sharing.close()
        await self._chores.close(timeout_s=_CLOSE_TIMEOUT_S)
        self._inputs.close()
        await self._rotation.close()
        await self._changes.close()

    def warm_up(self) -> None:
        """See ``warmth.warm_up``."""
        warm_up(self._parts.cgroups, self._chores)

    # -- queries

    def get(self, name: str) -> Container:
        """By name, id or the beginning of one id. Raises Missing."""
        return self._registry.get(name)

    def list(self) -> list[Container]:
        """All but build steps, newest first."""
        return self._registry.visible()

    def link_names(self) -> Mapping[str, Names]:
        """By id, the names ``/PARENT/ALIAS`` that containers have as others' links."""
        return link_names(self.list(), self._registry.get)

    def uses_image(self, image_id: Digest) -> Found:
        return [container for container in self._registry.every() if container.spec.image_id == image_id]

    async def top(self, name: str, *, columns: str = "-ef") -> Processes:
        container = self.get(name)
        check_running(container)
        pids = await asyncio.to_thread(self._parts.cgroups.pids, container.id)
        processes = await list_processes(pids, columns=columns)
        self._lifecycle.emit("top", container)
        return processes

    async def check_mounts(self, spec: ContainerSpec) -> Warnings:
        """Whether the host has what it is to be shown; warnings for the client. Raises Invalid."""
        return await asyncio.to_thread(HostBinds(self._parts).check, spec)

    # -- life

    async def create(self, spec: ContainerSpec, *, layers: tuple[Digest, ...], name: str | None = None) -> Container:
        """On record and with all its directories, or not at all. Raises Conflict when the name is taken, Invalid when
        a container is not there whose namespaces it is to share."""
        self.warm_up()
        spec = with_known_links(self._joining.by_id(spec), self._registry.get)
        async with AsyncExitStack() as undo:
            container = Container(
                id=new_id(),
                name=check_name(name) if name else self._registry.new_name(),
                spec=spec,
                created_at=self._now(),
                layers=layers,
            )
            self._registry.claim_name(container.name, container.id)
            undo.callback(self._registry.release_name, container.name, container.id)
            undo.callback(shutil.rmtree, self._config.container_dir(container.id), ignore_errors=True)
            undo.push_async_callback(self._volume_use.let_go, container.id)
            with self._parts.layers.pin(layers):
                container = await self._volume_use.settled(container)
                await asyncio.to_thread(make_directories, container, self._config, self._parts.layers)
                await self._registry.save(container)
            undo.pop_all()
        self._lifecycle.emit("create", container)
        return container

    async def start(self, name: str) -> None:
        """Raises NotModified when it runs, StartFailed when its program cannot be run."""
        await self._lifecycle.start(self.get(name).id)

    async def stop(self, name: str, *, timeout_s: int | None = None, signal: str = "") -> None:
        """``timeout_s`` until it is killed; None: as the container says, else 10; negative: never killed."""
        await self._ending.stop(self.get(name).id, timeout_s=timeout_s, signal=signal)

    async def restart(self, name: str, *, timeout_s: int | None = None, signal: str = "") -> None:
        container = self.get(name)
        if container.is_active:
            await self._ending.stop(container.id, timeout_s=timeout_s, signal=signal)
        await self._lifecycle.start(container.id)
        self._lifecycle.emit("restart", container)

    async def kill(self, name: str, *, signal: str = "") -> None:
        """``signal`` defaults to KILL, after which the container is dead when this returns."""
        try:
            await self._ending.kill(self.get(name).id, signal=signal)
        except (Conflict, Missing) as error:
            raise type(error)(f"cannot kill container: {name}: {error}") from error

    async def pause(self, name: str) -> None:
        await self._lifecycle.pause(self.get(name).id)

    async def unpause(self, name: str) -> None:
        await self._lifecycle.unpause(self.get(name).id)

    async def rename(self, name: str, *, to: str) -> None:
        container = self.get(name)
        try:
            await self._lifecycle.rename(container.id, _new_name(to))
        except Conflict as error:
            raise Conflict(f"Error when allocating new name: {error}") from error
        await self._network_changes.renamed(container.id, container.name)

    async def update(self, name: str, asked: Update) -> Sequence[str]:
        """Warnings. Raises Conflict, in Docker's words, when the change contradicts what is."""
        return await self._updates.update(self.get(name).id, asked)

    async def connect(self, name: str, network: str, settings: EndpointSettings) -> None:
        """Join it to one more network, now and from now on."""
        await self._network_changes.connect(self.get(name).id, self._parts.networks.get(network), settings)

    async def disconnect(self, name: str, network: str) -> None:
        await self._network_changes.disconnect(self.get(name).id, self._parts.networks.get(network))

    async def remove(self, name: str, *, force: bool = False, with_volumes: bool = False) -> None:
        """Raises Conflict when it runs, unless ``force`` kills it. ``with_volumes``: also those nobody gave a name."""
        await self._ending.remove(self.get(name).id, force=force, with_volumes=with_volumes)

    async def remove_link(self, name: str) -> None:
        """``name`` is ``PARENT/ALIAS``. Raises Missing, and Conflict in Docker's words for a container's own name."""
        self.get(name)
        parent, is_link, alias = name.strip("/").rpartition("/")
        if not is_link:
            raise Conflict("Conflict, cannot remove the default link name of the container")
        await self._network_changes.unlink(self.get(parent).id, alias)

    def remember_size(self, name: str, *, height: int, width: int) -> None:
        """The size that its terminal will have from the start on."""
        self._lifecycle.remember_size(self.get(name).id, height=height, width=width)

    async def resize(self, name: str, *, height: int, width: int) -> None:
        """The terminal's size. Raises Conflict when it does not run."""
        self._lifecycle.resize(self.get(name).id, height=height, width=width)

    # -- waiting and streams

    def wait(self, name: str, *, condition: WaitCondition) -> Waiter:
        """Registered when this returns: an end after that is not missed."""
        container = self.get(name)
        if condition is WaitCondition.NOT_RUNNING and not container.is_active:
            return Waiters.over(Exit(container.exit_code, container.error))
        return self._waiters.register(container.id, condition)

    def attach(
        self, name: str, *, stdin: bool, stdout: bool, stderr: bool, logs: bool = False, stream: bool = True
    ) -> AttachSession:
        """Sees all that is written after this call, and with ``logs`` all before it too. Good before the start."""
        container = self.get(name)
        if container.status is Status.PAUSED:
            raise Conflict(f"container {name} is paused, unpause the container before attach")
        if container.status is Status.RESTARTING:
            raise Conflict(f"container {name} is restarting, wait until the container is running")
        takes_input = stdin and stream and container.spec.open_stdin
        sees_output = bool(wanted_streams(stdout=stdout, stderr=stderr, tty=container.spec.tty))
        reader = self._logs.read(container.id, holds=stream and sees_output)
        if logs:
            reader.go_to_begin()
        session = AttachSession(
            reader=reader,
            until_over=self._waiters.register(container.id, WaitCondition.NEXT_EXIT) if stream else None,
            stdout=stdout,
            stderr=stderr,
            tty=container.spec.tty,
            standard_input=self._inputs.of(container.id) if takes_input else None,
            ends_input=container.spec.stdin_once,
        )
        if takes_input and container.is_running:
            self._chores.start(self._connect_input(container.id), what=f"input of {container.id[:12]}")
        self._lifecycle.emit("attach", container)
        return session

    def logs(self, name: str, request: LogRequest, *, encode: Callable[[bytes], bytes]) -> AsyncGenerator[bytes, None]:
        """See ``read_log``. Raises Missing and Unsupported at once, not at the first piece."""
        container = self.get(name)
        if not can_be_read(container.spec.log):
            raise Unsupported("configured logging driver does not support reading")
        until_over = None
        if request.follow and container.status not in (Status.EXITED, Status.DEAD, Status.REMOVING):
            until_over = FollowedEnd(self._waiters, container.id, is_restarting=self._is_restarting)
        return read_log(self._logs.read(container.id), request, encode=encode, until_over=until_over)

    def kept_log(
        self, container_id: str, request: LogRequest, *, encode: Callable[[bytes], bytes]
    ) -> AsyncGenerator[bytes, None]:
        """As ``logs``, of a container that is no more. Raises Missing at once."""
        try:
            reader = self._open_kept_logs.read(container_id)
        except FileNotFoundError as error:
            raise Missing(f"No such kept log: {container_id}") from error
        return read_log(reader, request, encode=encode, until_over=None)

    def _is_restarting(self, container_id: str) -> bool:
        """Whether its restart policy is going to start it again."""
        container = self._registry.find_id(container_id)
        return container is not None and container.status is Status.RESTARTING

    # -- for commits

    @contextlib.asynccontextmanager
    async def quiet_upper(self, name: str, *, pause: bool) -> AsyncGenerator[Path, None]:
        """The writable layer on disk, owners as the container sees them, which holds still if it is to be paused.

        Raises Conflict or Missing, at the end too, when the container is being removed: then it may be there half.
        """
        container = self.get(name)
        async with self._lifecycle.quiet(container.id, pause=pause):
            yield self._config.upper(container.id)
            self._views.check_there(container)

    def emit(self, action: str, container: Container, **attributes: str) -> None:
        self._lifecycle.emit(action, container, **attributes)

    # -- for builds

    def step(self, spec: ContainerSpec, *, layers: tuple[Digest, ...]) -> AbstractAsyncContextManager[Step]:
        """A hidden container over ``layers`` that runs one program once; everything of it is gone afterwards."""
        spec = with_known_networks(spec, self._parts.networks)
        return self._steps.step(replace(spec, auto_remove=False, open_stdin=False, tty=False), layers)

    async def kept_limits(self, asked: Resources) -> tuple[Resources, Warnings]:
        """For build steps: what this machine keeps, and warnings; see ``engine.oci.limit_checks``."""
        return await asyncio.to_thread(kept_limits, asked, machine=self._parts.machine)

    def scratch(self, layers: tuple[Digest, ...]) -> AbstractAsyncContextManager[Scratch]:
        """A writable file system over ``layers`` in which nothing runs; gone afterwards."""
        return self._steps.scratch(layers)

    async def _connect_input(self, container_id: str) -> None:
        """After a restart of the engine: the start of the container connected the old one's."""
        standard_input = self._inputs.of(container_id)
        if not standard_input.is_connected:
            with contextlib.suppress(OSError):
                await standard_input.connect(attach_path(self._config.bundle(container_id)))


def _new_name(text: str) -> str:
    try:
        return check_name("/" + text.removeprefix("/"))
    except Invalid as error:
        raise Invalid(f"Error when allocating new name: {error}") from error
