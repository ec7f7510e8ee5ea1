"""Joining a container to a network, and taking it off, running or not."""

import asyncio
import contextlib
from dataclasses import replace

from engine.containers.etc_files import write_hosts, write_resolver
from engine.containers.lifecycle import Lifecycle
from engine.containers.links import append_hosts, linked_containers, with_renamed_links, without_link
from engine.containers.network_wishes import as_taken, known_as, name_server
from engine.containers.parts import Parts
from engine.containers.ports import wanted_bindings
from engine.containers.registry import Registry
from engine.host import processes
from engine.model.container import Container, Endpoint
from engine.model.errors import Conflict, Denied, EngineError, Invalid
from engine.model.network import EndpointSettings, Network
from engine.networks.plans import check_settings, way_out


class NetworkChanges:
    def __init__(self, parts: Parts, *, registry: Registry, lifecycle: Lifecycle) -> None:
        self._config = parts.config
        self._networks = parts.networks
        self._registry = registry
        self._lifecycle = lifecycle

    async def connect(self, container_id: str, network: Network, settings: EndpointSettings) -> None:
        """On record, and if it runs in force, or neither. Raises Denied, Invalid or Conflict in Docker's words."""
        async with self._lifecycle.held_still(container_id):
            container = self._changeable(container_id)
            wished = container.spec.wished_networks
            if network.name in wished:
                raise Denied(f"endpoint with name {container.name} already exists in network {network.name}")
            check_settings(network, settings)
            joined = replace(container, spec=replace(container.spec, networks={**wished, network.name: settings}))
            if container.is_running:
                joined = await self._plug_in(joined, network, settings)
            await self._registry.save(joined)

    async def disconnect(self, container_id: str, network: Network) -> None:
        """Raises Denied, in Docker's words, when it is not connected."""
        async with self._lifecycle.held_still(container_id):
            container = self._changeable(container_id)
            wished = dict(container.spec.wished_networks)
            if network.name not in wished:
                raise Denied(f"container {container.id} is not connected to network {network.name}")
            del wished[network.name]
            left = replace(container, spec=replace(container.spec, networks=wished))
            await self._registry.save(left)
            if container.is_running:
                before = way_out(container.endpoints)
                await self._networks.leave(container_id, network.name)
                await self._registry.save(await self._settled(left, before))

    async def _plug_in(self, container: Container, network: Network, settings: EndpointSettings) -> Container:
        assert container.process is not None
        if not processes.is_alive(container.process):
            raise Conflict(f"container {container.name} is ending and cannot be connected")
        before = way_out(container.endpoints)
        bindings = self._networks.published(container.id) or wanted_bindings(container)
        await self._networks.connect(
            container.id,
            pid=container.process.pid,
            bindings=bindings,
            network=as_taken(network, container.spec),
            settings=settings,
            known_as=known_as(container, settings),
            former=container.former_addresses.get(network.name, ""),
        )
        return await self._settled(container, before)

    async def _settled(self, container: Container, before: Endpoint | None) -> Container:
        assert container.process is not None
        await self._networks.settle_way_out(
            container.id,
            pid=container.process.pid,
            before=before,
            wanted=wanted_bindings(container),
        )
        endpoints = self._networks.endpoints_of(container.id)
        await asyncio.to_thread(self._write_files, container, endpoints)
        return replace(container, endpoints=endpoints)

    def _write_files(self, container: Container, endpoints: tuple[Endpoint, ...]) -> None:
        directory = self._config.etc(container.id)
        write_hosts(container, directory, endpoints)
        with contextlib.suppress(EngineError):  # whom it was linked to may be gone since
            append_hosts(directory, linked_containers(container, self._registry.get))
        write_resolver(container, directory, server=name_server(endpoints, self._networks))

    async def mend(self, container: Container) -> None:
        """After a restart of the engine: finish a leaving that the last one was killed in."""
        wished = container.spec.wished_networks
        stray = [each.network for each in container.endpoints if each.network not in wished]
        if stray:
            for name in stray:
                await self._networks.leave(container.id, name)
            await self._registry.save(await self._settled(container, before=None))

    async def renamed(self, container_id: str, old_name: str) -> None:
        """Others find it by its new name, and by the old one no more; links to it stay."""
        new_name = self._registry.get_id(container_id).name
        for other in self._registry.every():
            if with_renamed_links(other.spec, old_name, new_name) is not other.spec:
                await self._rename_links(other.id, old_name, new_name)
        async with self._lifecycle.held_still(container_id):
            container = self._registry.get_id(container_id)
            wished = container.spec.wished_networks
            if container.is_running and container.spec.networks:
                names = {name: known_as(container, settings).names for name, settings in wished.items()}
                await self._networks.rename(container_id, names)
                await self._registry.save(replace(container, endpoints=self._networks.endpoints_of(container_id)))

    async def _rename_links(self, container_id: str, old_name: str, new_name: str) -> None:
        async with self._lifecycle.held_still(container_id):
            container = self._registry.get_id(container_id)
            spec = with_renamed_links(container.spec, old_name, new_name)
            await self._registry.save(replace(container, spec=spec))

    async def unlink(self, container_id: str, alias: str) -> None:
        """What it was told of the other one in its environment, it keeps until its next start."""
        async with self._lifecycle.held_still(container_id):
            container = self._registry.get_id(container_id)
            left = await self._registry.save(replace(container, spec=without_link(container.spec, alias)))
            if left.is_running:
                await asyncio.to_thread(self._write_files, left, left.endpoints)

    def _changeable(self, container_id: str) -> Container:
        container = self._registry.get_id(container_id)
        spec = container.spec
        if spec.network_of or spec.network_mode == "host":
            raise Conflict(
                "container sharing network namespace with another container or host cannot be connected to any other "
                "network"
            )
        if spec.network_mode == "none":
            raise Invalid(
                "container cannot be connected to multiple networks with one of the networks in private (none) mode"
            )
        if spec.network_disabled:
            raise Conflict(f"container {container.name} was made without a network")
        return container
