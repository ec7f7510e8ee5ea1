"""Doing what a plan says, on the host's agent.

Every step may be the last one before the agent is killed. What a later attempt finds is planned anew: a container that
was started has all that belongs to it, since networks and files come before the start; one that never was is made
again. Of an old and a new one with the same number the new one is kept, and the old one goes.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from console.hosts import projects
from console.hosts.gateway import Engine
from console.hosts.projects import NewFile
from console.jobs.agent.run import JobRun
from console.operations.errors import Conflict, Missing, Unavailable
from console.stacks.compose.model import Project, Service
from console.stacks.planning import labels
from console.stacks.planning.bodies import (
    container_body,
    container_name,
    files_of,
    later_networks,
    network_body,
    volume_body,
)
from console.stacks.planning.plans import Action, Plan, Step
from console.stacks.planning.world import anonymous_volumes

AT_ONCE = 4
LOOK_S = 0.25
WAIT_S = 300.0
STARTED = frozenset({"running", "exited", "restarting", "paused"})


@dataclass(slots=True)
class Deployment:
    """``contents`` are texts, or references to secrets of the job's, by "secrets/KEY" and "configs/KEY"."""

    run: JobRun
    engine: Engine
    project: Project
    plan: Plan
    release: str
    contents: Mapping[str, str] = field(default_factory=dict)

    async def apply(self) -> None:
        """Stops at the first thing that fails, and says which. Repeating it is harmless."""
        containers: dict[str, list[Step]] = {}
        later = []
        for step in self.plan.steps:
            if step.kind == "container" and step.action is not Action.KEEP:
                containers.setdefault(step.service, []).append(step)
            elif step.kind != "container" and step.action is Action.REMOVE:
                later.append(step)
        for step in self.plan.steps:
            if step.kind != "container" and step not in later and step.action is not Action.KEEP:
                await self._thing(step)
        gone = [name for name in containers if name not in self.project.services]
        for name in gone:
            await self._each(containers.pop(name), self._remove)
        for name, steps in containers.items():
            await self._service(name, steps)
        for step in later:
            await self._thing(step)

    # --- images, networks, volumes ---

    async def _thing(self, step: Step) -> None:
        match step.kind, step.action:
            case "image", Action.PULL:
                await self._pull(step)
            case "image", _:
                raise Conflict(f"{step.name} has to be built before {step.service} is deployed")
            case "network", Action.CREATE:
                await self._create_network(step.name)
            case "network", Action.REPLACE:
                await self._leave(step.name)
                await projects.remove_network(self.engine, step.name)
                await self._create_network(step.name)
            case "network", _:
                await projects.remove_network(self.engine, step.name)
            case "volume", Action.CREATE:
                key = next(key for key, one in self.project.volumes.items() if one.name == step.name)
                body = volume_body(self.project, key, self.project.volumes[key])
                await projects.create_volume(self.engine, self._labelled(body))
            case "volume", _:
                await projects.remove_volume(self.engine, step.name)
        await self.run.write(f"{step.kind} {step.name}: {_done(step.action)}\n")

    async def _pull(self, step: Step) -> None:
        async for line in projects.pull(self.engine, step.name):
            await self.run.write(f"{line}\n")
        if await self.engine.find_image_id(step.name) is None:
            raise Unavailable(f"the engine said that {step.name} was pulled, and does not have it")

    async def _create_network(self, name: str) -> None:
        key = next(key for key, one in self.project.networks.items() if one.name == name)
        body = network_body(self.project, key, self.project.networks[key])
        await projects.create_network(self.engine, self._labelled(body))

    async def _leave(self, network: str) -> None:
        """Containers of the project that are on it go, since they are made anew."""
        for step in self.plan.steps:
            if step.kind == "container" and step.engine_id and step.action is Action.REPLACE:
                service = self.project.services[step.service]
                if network in {self.project.networks[key].name for key in service.networks}:
                    await self._take_away(step, keeps_volumes=True)

    def _labelled(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {**body, "Labels": {**body["Labels"], **self._own_labels}}

    @property
    def _own_labels(self) -> dict[str, str]:
        return {**self.run.label, labels.RELEASE: self.release}

    # --- containers ---

    async def _service(self, name: str, steps: list[Step]) -> None:
        service = self.project.services[name]
        by_action: dict[Action, list[Step]] = {}
        for step in steps:
            by_action.setdefault(step.action, []).append(step)
        if set(by_action) - {Action.REMOVE}:
            await self._wait_for_those_before(name, service)
        await self._each(by_action.get(Action.CREATE, []), self._create)
        await self._each(by_action.get(Action.RESTART, []), self._restart)
        config = service.deploy.update_config if service.deploy is not None else None
        replaced = by_action.get(Action.REPLACE, [])
        at_once = 1 if config is None or config.parallelism is None else config.parallelism or max(len(replaced), 1)
        for begin in range(0, len(replaced), at_once):
            if begin and config is not None:
                await asyncio.sleep(config.delay_ns / 1e9)
            await self._each(replaced[begin : begin + at_once], self._replace)
        await self._each(by_action.get(Action.REMOVE, []), self._remove)

    async def _each(self, steps: Iterable[Step], work: Any) -> None:
        """Some at the same time. The first error ends the others."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(step: Step) -> None:
            async with limit:
                await work(step)
            await self.run.write(f"container {step.name}: {_done(step.action)}\n")

        tasks = [asyncio.ensure_future(one(step)) for step in steps]
        try:
            for task in tasks:
                await task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _create(self, step: Step) -> None:
        await self._make(step, await self._volumes_of(step))

    async def _replace(self, step: Step) -> None:
        """The new one takes over the volumes without a name that the old one has, as with docker compose."""
        kept = await self._volumes_of(step)
        name = self._name_of(step)
        old = await projects.find_container(self.engine, step.engine_id) if step.engine_id else None
        if old is not None:
            if not step.is_first_started:
                await projects.stop(self.engine, step.engine_id, timeout_s=None)
            if str(old.get("Name", "")).lstrip("/") == name:
                await projects.rename(self.engine, step.engine_id, f"{step.engine_id[:12]}_{name}")
        await self._make(step, kept)
        await self._take_away(step, keeps_volumes=bool(kept))

    async def _make(self, step: Step, kept: Mapping[str, str]) -> None:
        service = self.project.services[step.service]
        name = self._name_of(step)
        await self._free_name(name)
        body = self._body(step, kept)
        engine_id = await projects.create_container(self.engine, body, name=name, platform=service.platform)
        for network, endpoint in later_networks(self.project, step.service).items():
            await projects.connect(self.engine, network, engine_id, endpoint)
        await projects.put_files(self.engine, engine_id, self._files(service))
        await self.engine.start_container(engine_id)
        await self._seen(engine_id)

    def _body(self, step: Step, kept: Mapping[str, str]) -> dict[str, Any]:
        """Values of secrets are put in here, and nowhere before."""
        digest = self.plan.services[step.service]
        body = container_body(self.project, step.service, step.number, hash_=digest, more_labels=self._own_labels)
        pairs = (line.partition("=") for line in body["Env"])
        body["Env"] = [f"{name}={self.run.resolved(value)}" for name, _sign, value in pairs]
        binds = [f"{volume}:{target}" for target, volume in kept.items()]
        if binds:
            body["HostConfig"]["Binds"] = [*body["HostConfig"].get("Binds", []), *binds]
        return body

    def _files(self, service: Service) -> list[NewFile]:
        found = []
        for one in files_of(service):
            if one.key not in self.contents:
                raise Missing(f"the job was not given what is in {one.key}")
            content = self.run.resolved(self.contents[one.key]).encode()
            found.append(NewFile(one.path, content, one.uid, one.gid, one.mode))
        return found

    async def _free_name(self, name: str) -> None:
        """One of ours that never was started is half made: an attempt that was cut short has left it."""
        found = await projects.find_container(self.engine, name)
        if found is None:
            return
        marks = (found.get("Config") or {}).get("Labels") or {}
        if (found.get("State") or {}).get("Status") == "created" and labels.RELEASE in marks:
            await projects.remove_container(self.engine, str(found["Id"]), with_volumes=True)
            return
        raise Conflict(f"the name {name} is in use on this host")

    async def _volumes_of(self, step: Step) -> dict[str, str]:
        """Volumes without a name of the container that is there, by where the new one has one as well."""
        old = await projects.find_container(self.engine, step.engine_id) if step.engine_id else None
        wanted = {mount.target for mount in self.project.services[step.service].volumes if not mount.source}
        return {
            str(one["Destination"]): str(one["Name"])
            for one in (old or {}).get("Mounts") or []
            if one.get("Type") == "volume" and one.get("Destination") in wanted
        }

    async def _restart(self, step: Step) -> None:
        if step.changes and step.changes[0].what == "depends_on":
            await projects.stop(self.engine, step.engine_id, timeout_s=None)
        await self.engine.start_container(step.engine_id)
        await self._seen(step.engine_id)

    async def _remove(self, step: Step) -> None:
        await self._take_away(step, keeps_volumes=False)

    async def _take_away(self, step: Step, *, keeps_volumes: bool) -> None:
        if not step.engine_id:
            return
        old = await projects.find_container(self.engine, step.engine_id) or {}
        await projects.stop(self.engine, step.engine_id, timeout_s=None)
        await projects.remove_container(self.engine, step.engine_id, with_volumes=not keeps_volumes)
        if not keeps_volumes:
            # those that were taken over from an earlier container go with none by themselves
            for volume in anonymous_volumes(old):
                with contextlib.suppress(Conflict):
                    await projects.remove_volume(self.engine, volume)
        await self.run.tell("containers.gone", engine_ids=[step.engine_id])

    def _name_of(self, step: Step) -> str:
        return container_name(self.project, step.service, self.project.services[step.service], step.number)

    async def _seen(self, engine_id: str) -> None:
        """Told to the console once it has been started. Unavailable when it does not come to that."""
        async with asyncio.timeout(WAIT_S):
            while (fact := await self.engine.get_container(engine_id)).state not in STARTED:  # noqa: ASYNC110 - engines are asked
                await asyncio.sleep(LOOK_S)
        await self.run.tell("containers.seen", containers=[fact.as_json()])

    # --- waiting ---

    async def _wait_for_those_before(self, name: str, service: Service) -> None:
        for other, wanted in service.depends_on.items():
            if other not in self.project.services or wanted.condition == "service_started":
                continue
            try:
                await self._wait_until(other, wanted.condition)
            except (Conflict, Unavailable) as error:
                if wanted.required:
                    raise
                await self.run.write(f"{name} goes on without {other}: {error}\n")

    async def _wait_until(self, service: str, condition: str) -> None:
        await self.run.write(f"waiting for {service}: {condition.removeprefix('service_')}\n")
        try:
            async with asyncio.timeout(WAIT_S):
                while not await self._are(service, condition):  # noqa: ASYNC110 - engines are asked
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            raise Unavailable(f"{service} is not {condition.removeprefix('service_')} after {WAIT_S:.0f} s") from error

    async def _are(self, service: str, condition: str) -> bool:
        """Conflict when it cannot come to that any more."""
        found = await projects.containers_of(self.engine, self.project.name)
        own = [one["State"] for one in found if (one["Config"].get("Labels") or {}).get(labels.SERVICE) == service]
        is_so = _is_healthy if condition == "service_healthy" else _has_completed
        # each is asked, so that one that has failed is not hidden behind one that is still on its way
        answers = [is_so(service, state) for state in own]
        return all(answers)


def _is_healthy(service: str, state: Mapping[str, Any]) -> bool:
    health = str((state.get("Health") or {}).get("Status") or "none")
    if state.get("Status") in ("exited", "dead"):
        raise Conflict(f"{service} has ended with {state.get('ExitCode')} before it was healthy")
    if health in ("unhealthy", "none"):
        raise Conflict(f"{service} is unhealthy" if health == "unhealthy" else f"{service} has no health check")
    return health == "healthy"


def _has_completed(service: str, state: Mapping[str, Any]) -> bool:
    if state.get("Status") not in ("exited", "dead"):
        return False
    if state.get("ExitCode"):
        raise Conflict(f"{service} has ended with {state.get('ExitCode')}")
    return True


def _done(action: Action) -> str:
    return {
        Action.PULL: "pulled",
        Action.CREATE: "created",
        Action.REPLACE: "replaced",
        Action.RESTART: "restarted",
        Action.REMOVE: "removed",
    }.get(action, str(action))
