"""Bringing a container up: root mounted, OCI bundle written, monitor and runtime launched, network joined, started."""

import asyncio
import os
import re
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from engine.containers.etc_files import ETC_FILES, give_etc_files, hostname_of, write_hosts, write_resolver
from engine.containers.host_binds import HostBinds, Placed
from engine.containers.host_devices import place_devices, wanted_devices
from engine.containers.joining import Joined, Joining, shares_processes
from engine.containers.links import Find, append_hosts, environment_of, linked_containers
from engine.containers.network_wishes import Wish, known_as, leading_out, name_server, wishes
from engine.containers.owner_ranges import OwnerRanges
from engine.containers.parts import Parts
from engine.containers.ports import wanted_bindings
from engine.containers.rotation import Rotation
from engine.containers.standard_input import StandardInput
from engine.containers.teardown import Teardown, company_mark
from engine.containers.volume_mounts import VolumeMounts
from engine.host import mounts, processes
from engine.host.domain_name import set_domain_name
from engine.host.failpoints import reach
from engine.host.userns import ID_COUNT
from engine.model.container import Container, Endpoint, ProcessIdentity
from engine.model.errors import Invalid
from engine.model.ports import PortBinding
from engine.oci.confinement import confinement, has_user_namespace
from engine.oci.devices import DeviceNode
from engine.oci.init import find_init
from engine.oci.monitor import Launched, attach_path, control_path, exit_path, launch
from engine.oci.runtime import RuntimeFailed
from engine.oci.spec import Bind, Shared, domain_name, runtime_config, write_bundle
from engine.oci.user import resolve_user

_SHM = "shm"


class StartFailed(Invalid):
    """The container's program cannot be run. ``exit_code`` is the shell's for that: 126 or 127."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Started:
    process: ProcessIdentity
    monitor: ProcessIdentity
    uid_base: int | None
    endpoints: tuple[Endpoint, ...]


class Startup:
    def __init__(
        self,
        parts: Parts,
        owner_ranges: OwnerRanges,
        teardown: Teardown,
        *,
        rotation: Rotation,
        joining: Joining,
        find: Find,
    ) -> None:
        self._parts = parts
        self._joining = joining
        self._find = find
        self._binds = HostBinds(parts)
        self._volumes = VolumeMounts(parts)
        self._config = parts.config
        self._owner_ranges = owner_ranges
        self._teardown = teardown
        self._rotation = rotation
        # more at once only wait for each other: a start is processor bound
        self._room = asyncio.Semaphore(2 * (os.cpu_count() or 1))

    async def bring_up(
        self, container: Container, *, standard_input: StandardInput | None, tty_size: tuple[int, int] | None
    ) -> Started:
        """Everything up and the program running; or nothing left, and StartFailed or another EngineError raised.

        ``tty_size`` is height and width.
        """
        async with self._room, AsyncExitStack() as undo:
            held = undo.enter_context(ExitStack())
            undo.push_async_callback(self._teardown.take_down, container.id)
            wished = wishes(container, self._parts.networks)
            bindings = self._parts.networks.reserve(
                container.id, wanted_bindings(container), through=leading_out(wished)
            )
            joined = self._joining.join(container, held)
            linked = linked_containers(container, self._find)
            if linked:
                spec = replace(container.spec, env=environment_of(container, linked))
                container = replace(container, spec=spec)
            container = replace(container, uid_base=self._take_owners(container, joined))
            await self._volumes.mount(container)
            placed = await asyncio.to_thread(self._prepare, container, joined)
            try:
                reach("conmon.spawn")
                launched = await self._launch(container)
                monitor = processes.identity(launched.monitor_pid)
                undo.push_async_callback(self._end_failed, container.id, monitor)
                if standard_input is not None:
                    await standard_input.connect(attach_path(self._config.bundle(container.id)))
                if tty_size is not None:
                    self.resize(container.id, height=tty_size[0], width=tty_size[1])
                await self._finish_namespaces(container, placed, pid=launched.pid)
                reach("network.connect")
                endpoints = await self._connect(container, launched, wished, bindings)
                if linked:
                    await asyncio.to_thread(append_hosts, self._config.etc(container.id), linked)
                process = processes.identity(launched.pid)
                self._rotation.keep(container, process)
                reach("runtime.start")
                await self._parts.chosen.runtime.start(container.id)
            except RuntimeFailed as error:
                raise _start_failed(error) from error
            undo.pop_all()
            held.close()
        return Started(process, monitor, container.uid_base, endpoints)

    def id_count(self, container: Container) -> int:
        """Ids in the container's user namespace: 65536, or as many as its image's files have owners."""
        highest = self._parts.layers.max_id(container.layers) if container.layers else 0
        return -(-(highest + 1) // ID_COUNT) * ID_COUNT

    def resize(self, container_id: str, *, height: int, width: int) -> None:
        """Raises OSError when the container has no terminal any more."""
        write_control(control_path(self._config.bundle(container_id)), b"1 %d %d\n" % (height, width))

    async def _end_failed(self, container_id: str, monitor: ProcessIdentity) -> None:
        await self._teardown.take_down(container_id, monitor=monitor)

    def _take_owners(self, container: Container, joined: Joined) -> int | None:
        if joined.owners is not None:
            self._owner_ranges.share(container.id, of=joined.owners.id)
            return joined.owners.uid_base
        if joined.paths or not self._parts.chosen.user_namespaces or not has_user_namespace(container.spec):
            return None
        return self._owner_ranges.take(container.id, id_count=self.id_count(container))

    def _prepare(self, container: Container, joined: Joined) -> list[Placed]:
        """All that needs no other process. Blocks. Returns what of the host is laid down for it."""
        parts, config, spec = self._parts, self._config, container.spec
        confined = confinement(spec, bounding=parts.machine.bounding)
        make_run_dirs(config.bundle(container.id), config.rootfs(container.id))
        self._rotation.make_ready(container)
        exit_path(config.exit_dir, container.id).unlink(missing_ok=True)  # of the run before
        if shares_processes(spec):
            company_mark(config.bundle(container.id)).touch()
        if spec.cgroup_parent:
            parts.cgroups.place(container.id, spec.cgroup_parent)
        self.mount_root(container, nosuid=confined.root_nosuid)
        if spec.resources.cpu_realtime_runtime_us:
            limits = spec.resources
            parts.cgroups.allow_realtime(
                runtime_us=limits.cpu_realtime_runtime_us, period_us=limits.cpu_realtime_period_us
            )
        if joined.network is None:
            give_etc_files(container, config.etc(container.id), container.uid_base or 0)
        rootfs = config.rootfs(container.id)
        devices = wanted_devices(spec) if spec.devices or spec.privileged else []
        placed = self._place_binds(container)
        document = runtime_config(
            container,
            rootfs=rootfs,
            hostname=hostname_of(container),
            user=resolve_user(spec.user, rootfs=rootfs, groups=spec.groups),
            machine=parts.machine,
            cgroup_path=parts.cgroups.path(container.id),
            mounts=[
                *self._etc_binds(joined.network or container),
                *self._device_binds(container, devices),
                *(each.bind for each in placed),
            ],
            shared=Shared(joined.paths, shm=self._shared_memory(container, joined)),
            devices=devices,
            seccomp_bpf=parts.chosen.seccomp_bpf,
            id_count=self.id_count(container),
            init=find_init() if spec.init else None,
        )
        write_bundle(config.bundle(container.id), document)
        return placed

    def _etc_binds(self, container: Container) -> list[Bind]:
        return [Bind(self._config.etc(container.id) / name, f"/etc/{name}") for name in ETC_FILES]

    def _device_binds(self, container: Container, devices: list[DeviceNode]) -> list[Bind]:
        """For a container whose runtime cannot make them. Blocks."""
        if container.uid_base is None or not devices:
            return []
        return place_devices(devices, self._config.bundle(container.id) / "devices", uid_base=container.uid_base)

    def _place_binds(self, container: Container) -> list[Placed]:
        if not container.spec.mounts:
            return []
        bundle, userns_fd = self._config.bundle(container.id), self._mapping(container)
        return [
            *self._binds.place(container.spec, bundle / "mounts", userns_fd=userns_fd),
            *self._volumes.place(container.spec, bundle / "volumes", userns_fd=userns_fd),
        ]

    async def _finish_namespaces(self, container: Container, placed: list[Placed], *, pid: int) -> None:
        """What the runtime cannot do in them."""
        if any(each.is_incomplete for each in placed):
            await asyncio.to_thread(self._binds.complete, placed, pid=pid)
        if domain := domain_name(container.spec):
            await asyncio.to_thread(set_domain_name, domain, pid=pid)

    def _shared_memory(self, container: Container, joined: Joined) -> Path | None:
        """The /dev/shm that others share or could share; None for one that the runtime makes. Blocks."""
        mode = container.spec.namespaces.ipc
        if mode == "host":
            return Path("/dev/shm")  # noqa: S108 (the host's)
        if joined.ipc is not None:
            return self._config.bundle(joined.ipc.id) / _SHM
        if mode != "shareable":
            return None
        shm, owner = self._config.bundle(container.id) / _SHM, container.uid_base or 0
        shm.mkdir()
        mounts.mount_tmpfs(shm, size_bytes=container.spec.shm_size_bytes, mode=0o1777)
        os.chown(shm, owner, owner)
        return shm

    def _mapping(self, container: Container) -> int | None:
        """The owners its storage is shown with, see ``UserNamespaces.mount_fd``."""
        if container.uid_base is None:
            return None
        return self._parts.user_namespaces.mount_fd(container.uid_base, id_count=self.id_count(container))

    def mount_root(self, container: Container, *, nosuid: bool = False) -> None:
        """On the bundle's rootfs, owners as ``uid_base`` says. Blocks."""
        config = self._config
        reach("overlay.mount")
        mounts.mount_overlay(
            config.rootfs(container.id),
            storage_root=config.data_root,
            lowers=self._parts.layers.lowers(container.layers),
            upper=config.upper(container.id),
            work=config.work(container.id),
            userns_fd=self._mapping(container),
            # what does not outlive its process need not outlive a power cut: no sync at unmount
            volatile=container.hidden or container.spec.auto_remove,
            nosuid=nosuid,
            nodev=True,
        )

    async def _launch(self, container: Container) -> Launched:
        spec, config = container.spec, self._config
        return await launch(
            self._parts.chosen.runtime,
            container_id=container.id,
            name=container.name,
            bundle=config.bundle(container.id),
            exit_dir=config.exit_dir,
            log_path=config.log_path(container.id),
            tty=spec.tty,
            open_stdin=spec.open_stdin,
            leave_stdin_open=spec.open_stdin and not spec.stdin_once,
            log_size_max=self._rotation.monitor_size(container),
        )

    async def _connect(
        self, container: Container, launched: Launched, wished: list[Wish], bindings: tuple[PortBinding, ...]
    ) -> tuple[Endpoint, ...]:
        spec, networks = container.spec, self._parts.networks
        if spec.network_mode == "none" or spec.network_disabled or (spec.is_bridged and not wished):
            await networks.loopback_only(launched.pid)
        for wish in wished:
            await networks.connect(
                container.id,
                pid=launched.pid,
                bindings=bindings,
                network=wish.network,
                settings=wish.settings,
                known_as=known_as(container, wish.settings),
                former=container.former_addresses.get(wish.network.name, ""),
            )
        endpoints = networks.endpoints_of(container.id)
        if endpoints:
            await asyncio.to_thread(write_hosts, container, self._config.etc(container.id), endpoints)
        if spec.networks is not None:
            await asyncio.to_thread(
                write_resolver, container, self._config.etc(container.id), server=name_server(endpoints, networks)
            )
        return endpoints


def make_run_dirs(*directories: Path) -> None:
    for directory in directories:
        # others may pass: the runtime walks here as the container's root, whom the host does not know
        directory.mkdir(mode=0o711, parents=True, exist_ok=True)


def write_control(path: Path, message: bytes) -> None:
    """To conmon's control fifo, which it holds open while it lives (ENXIO otherwise, fifo(7))."""
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.write(fd, message)
    finally:
        os.close(fd)


def _start_failed(error: RuntimeFailed) -> Exception:
    if error.exit_code not in (126, 127):
        return error
    # the docker CLI exits 126 for these words only (cli/command/container/run.go, toStatusError); crun has others
    message = re.sub("Operation not permitted|Permission denied", "permission denied", str(error))
    return StartFailed(message, exit_code=error.exit_code)
