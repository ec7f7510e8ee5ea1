"""The engine put together: which part gets which, in what order they start, and in what order they stop."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from engine.api.parts import Parts as ApiParts
from engine.api.server import ApiServer
from engine.build.builder import Builder
from engine.config import EngineConfig
from engine.containers.commit import Commits
from engine.containers.parts import Parts
from engine.containers.service import Containers
from engine.host.capabilities import this_machine
from engine.host.cgroups import Cgroups
from engine.host.host_files import HostFiles
from engine.host.memory import settle
from engine.host.processes import allow_many_files
from engine.host.userns import UserNamespaces
from engine.images.archives import ImageArchives
from engine.images.pull import Puller, PullParts
from engine.images.push import Pusher, PushParts
from engine.images.service import Images
from engine.model.platform import Platform
from engine.networks.service import Networks
from engine.oci.probe import choose
from engine.registry.service import Registries
from engine.store import ballast
from engine.store.content import ContentStore
from engine.store.events import Events
from engine.store.layers import LayerStore
from engine.store.state import State
from engine.volumes.service import Volumes

_log = logging.getLogger(__name__)


def serve(config: EngineConfig, *, host_namespace: int) -> None:
    """Run until SIGTERM or SIGINT; containers outlive it. The caller is root, in the mount namespace, and alone.

    ``host_namespace`` is the mount namespace it came from, where people's paths mean what they see.
    """
    _run(_serve(config, HostFiles(host_namespace)))


def purge(config: EngineConfig) -> None:
    """Remove every container and all that the engine set up on the host. No engine runs on these directories."""
    _run(_purge(config))


def _run(work: Coroutine[Any, Any, None]) -> None:
    # the default watcher of 3.11 makes a thread per child, which costs 1 ms per start of a container
    policy = asyncio.get_event_loop_policy()
    policy.set_child_watcher(asyncio.PidfdChildWatcher())
    with asyncio.Runner() as runner:
        policy.get_child_watcher().attach_loop(runner.get_loop())
        runner.run(work)


async def _serve(config: EngineConfig, host_files: HostFiles) -> None:
    began = time.monotonic()
    allow_many_files()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as undo:
        parts = await undo.enter_async_context(_engine(config, host_files))
        server = ApiServer(parts)
        await server.start(config.socket_path, mode=0o600)
        undo.push_async_callback(server.stop)
        config.pid_path.write_text(f"{os.getpid()}\n")
        undo.callback(config.pid_path.unlink, missing_ok=True)
        settle()
        _log.info("ready on %s after %.2f s", config.socket_path, time.monotonic() - began)
        await stopping.wait()
        _log.info("stopping; containers go on")


@contextlib.asynccontextmanager
async def _engine(config: EngineConfig, host_files: HostFiles) -> AsyncIterator[ApiParts]:
    """Every part, recovered and ready, until the block ends."""
    async with AsyncExitStack() as undo:
        if ballast.release_if_full(config.data_root):
            _log.warning("%s is full: what was kept free for that is used now", config.data_root)
        config.tmp.mkdir(mode=0o700, exist_ok=True)
        state = State(config.state_path)
        undo.callback(state.close)
        for path in config.data_root.glob("state.db*"):  # where an older engine made them
            path.chmod(0o600)
        events = Events()
        content = ContentStore(config.data_root)
        layers = LayerStore(config.data_root, content, state)
        images = Images(content, layers, state, events)
        registries = Registries(config.registries)
        puller = Puller(
            PullParts(
                registries=registries,
                images=images,
                content=content,
                layers=layers,
                events=events,
                machine=Platform.of_machine(os.uname().machine),
            )
        )
        pusher = Pusher(PushParts(registries=registries, images=images, content=content, layers=layers, events=events))
        parts = await _container_parts(config, host_files, state=state, events=events, layers=layers, undo=undo)
        await images.sweep()
        containers = Containers(parts)
        undo.push_async_callback(containers.close)
        await containers.recover()
        await asyncio.to_thread(ballast.take, config.data_root)
        builder = Builder(
            images,
            puller,
            layers,
            containers,
            state,
            spool_root=config.tmp,
            cache_root=config.build_cache,
            instance=config.instance,
            outside=config.registries,
        )
        yield ApiParts(
            config=config,
            state=state,
            events=events,
            images=images,
            archives=ImageArchives(images, content, layers),
            registries=registries,
            puller=puller,
            pusher=pusher,
            layers=layers,
            networks=parts.networks,
            volumes=parts.volumes,
            containers=containers,
            commits=Commits(images, layers, containers),
            builder=builder,
            machine=parts.machine,
            chosen=parts.chosen,
            cgroups=parts.cgroups,
        )


async def _container_parts(
    config: EngineConfig,
    host_files: HostFiles,
    *,
    state: State,
    events: Events,
    layers: LayerStore,
    undo: AsyncExitStack,
) -> Parts:
    cgroups = Cgroups(config.cgroup_parent)
    await asyncio.to_thread(cgroups.prepare)
    _log.info("cgroups: %s, parent %s", "unified (v2)" if cgroups.unified else "v1", config.cgroup_parent)
    machine = await asyncio.to_thread(this_machine, cgroups)
    user_namespaces = UserNamespaces()
    undo.callback(user_namespaces.close)
    config.runtime_root.mkdir(mode=0o700, parents=True, exist_ok=True)
    chosen = await choose(config, cgroups=cgroups, machine=machine, user_namespaces=user_namespaces)
    networks = Networks(config, state, events)
    await networks.start()
    undo.push_async_callback(networks.stop)
    _log.info("network: %s, %s, gateway %s", config.bridge, networks.network.subnet, networks.network.gateway)
    volumes = Volumes(config, state, events, host_files)
    await volumes.load()
    return Parts(
        config=config,
        state=state,
        events=events,
        layers=layers,
        networks=networks,
        volumes=volumes,
        machine=machine,
        cgroups=cgroups,
        user_namespaces=user_namespaces,
        host_files=host_files,
        chosen=chosen,
    )


async def _purge(config: EngineConfig) -> None:
    async with _engine(config, HostFiles()) as parts:
        for container in parts.containers.list():
            await parts.containers.remove(container.name, force=True)
        await parts.networks.destroy()
        await asyncio.to_thread(parts.cgroups.remove_parent)
    _log.info("purged %s", config.data_root)
