"""Single containers of a stack: made, put in another's place, given back, taken away. On the host's agent.

Every step may be the last one before the agent is killed. A container that was started has all that belongs to it,
since networks and files come before the start; one that never was is made again. One that gives way is renamed to
``<12 digits of its id>_<name>`` and is there until its successor is settled, so that it can be given back.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from console.hosts import projects
from console.hosts.gateway import Engine
from console.hosts.projects import NewFile
from console.jobs.agent.run import JobRun
from console.operations.errors import Conflict, ConsoleError, Missing, Unavailable
from console.stacks.compose.model import Project, Service
from console.stacks.planning import labels
from console.stacks.planning.bodies import container_body, files_of, later_networks
from console.stacks.planning.names import container_name
from console.stacks.planning.plans import Action, Plan, Step
from console.stacks.planning.world import anonymous_volumes

AT_ONCE = 4
LOOK_S = 0.25
WAIT_S = 300.0
Given = TypeVar("Given")
Found = TypeVar("Found")
STARTED = frozenset({"running", "exited", "restarting", "paused"})


@dataclass(slots=True)
class Placed:
    """A new container in another's place; ``new_id`` is empty where it could not be made, ``old_id`` where there is no
    other. ``flaw`` is what is wrong with the new one.
    """

    name: str
    old_id: str = ""
    new_id: str = ""
    flaw: str = ""
    is_started: bool = False
    # volumes without a name have been taken over
    keeps_volumes: bool = False


@dataclass(slots=True)
class Maker:
    """``contents`` are texts, or references to secrets of the job's, by "secrets/KEY" and "configs/KEY"."""

    run: JobRun
    engine: Engine
    project: Project
    plan: Plan
    release: str
    contents: Mapping[str, str] = field(default_factory=dict)

    @property
    def own_labels(self) -> dict[str, str]:
        return {**self.run.label, labels.RELEASE: self.release}

    async def each(self, given: Iterable[Given], work: Callable[[Given], Awaitable[Found]]) -> list[Found]:
        """Some at the same time. The first error ends the others."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(item: Given) -> Found:
            async with limit:
                return await work(item)

        tasks = [asyncio.ensure_future(one(item)) for item in given]
        try:
            return [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- one step each ---

    async def create(self, step: Step) -> None:
        await self._make(step, {}, Placed(step.name))
        await self._say(step)

    async def replace(self, step: Step) -> None:
        placed = Placed(self._name_of(step))
        await self._put_in(step, placed)
        await self._take_away(step.engine_id, keeps_volumes=placed.keeps_volumes)
        await self._say(step)

    async def restart(self, step: Step) -> None:
        if step.changes and step.changes[0].what == "depends_on":
            await projects.stop(self.engine, step.engine_id, timeout_s=None)
        await self.engine.start_container(step.engine_id)
        await self._seen(step.engine_id)
        await self._say(step)

    async def remove(self, step: Step) -> None:
        await self._take_away(step.engine_id, keeps_volumes=False)
        await self._say(step)

    async def leave(self, step: Step) -> None:
        """It goes from a network that is made anew; what it has without a name stays for its successor."""
        await self._take_away(step.engine_id, keeps_volumes=True)

    async def _say(self, step: Step) -> None:
        await self.run.write(f"container {step.name}: {DONE.get(step.action, str(step.action))}\n")

    # --- in two halves, for those that have to prove themselves ---

    async def put_in(self, step: Step) -> Placed:
        """The new one runs, and the old one is there still. What an engine refuses is its flaw, not an error."""
        placed = Placed(self._name_of(step))
        try:
            await self._put_in(step, placed)
        except Unavailable:
            raise
        except ConsoleError as error:
            placed.flaw = str(error)
        return placed

    async def settle(self, placed: Placed) -> None:
        """There is no way back from here: the old one goes."""
        await self._take_away(placed.old_id, keeps_volumes=placed.keeps_volumes)
        await self.run.write(f"container {placed.name}: replaced\n")

    async def give_back(self, placed: Placed) -> None:
        """The old one runs again under its name, and the new one is gone."""
        if placed.new_id:
            await projects.stop(self.engine, placed.new_id, timeout_s=None)
            await projects.remove_container(self.engine, placed.new_id, with_volumes=True)
            await self.run.tell("containers.gone", engine_ids=[placed.new_id])
        if not placed.old_id or await projects.find_container(self.engine, placed.old_id) is None:
            return
        await self.engine.start_container(placed.old_id)
        old = await projects.find_container(self.engine, placed.old_id) or {}
        if str(old.get("Name", "")).lstrip("/") != placed.name:
            await projects.rename(self.engine, placed.old_id, placed.name)
        await self._seen(placed.old_id)
        await self.run.write(f"container {placed.name}: the one before is back\n")

    async def _put_in(self, step: Step, placed: Placed) -> None:
        """The new one takes over the volumes without a name that the old one has, as with docker compose."""
        kept = await self._volumes_of(step)
        old = await projects.find_container(self.engine, step.engine_id) if step.engine_id else None
        placed.keeps_volumes = bool(kept)
        if old is not None:
            placed.old_id = step.engine_id
            if not step.is_first_started:
                await projects.stop(self.engine, step.engine_id, timeout_s=None)
            if str(old.get("Name", "")).lstrip("/") == placed.name:
                await projects.rename(self.engine, step.engine_id, f"{step.engine_id[:12]}_{placed.name}")
        await self._make(step, kept, placed)

    async def _make(self, step: Step, kept: Mapping[str, str], placed: Placed) -> None:
        service = self.project.services[step.service]
        name = self._name_of(step)
        await self._free_name(name)
        body = self._body(step, kept)
        placed.new_id = await projects.create_container(self.engine, body, name=name, platform=service.platform)
        for network, endpoint in later_networks(self.project, step.service).items():
            await projects.connect(self.engine, network, placed.new_id, endpoint)
        await projects.put_files(self.engine, placed.new_id, self._files(service))
        await self.engine.start_container(placed.new_id)
        placed.is_started = True
        await self._seen(placed.new_id)

    def _body(self, step: Step, kept: Mapping[str, str]) -> dict[str, Any]:
        """Values of secrets are put in here, and nowhere before."""
        name = step.service
        body = container_body(
            self.project,
            name,
            step.number,
            hash_=self.plan.services[name],
            more_labels={**self.own_labels, **self.plan.labels_of(name)},
            image=self.plan.images.get(name, ""),
        )
        pairs = (line.partition("=") for line in body["Env"])
        body["Env"] = [f"{key}={self.run.resolved(value)}" for key, _sign, value in pairs]
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

    async def _take_away(self, engine_id: str, *, keeps_volumes: bool) -> None:
        if not engine_id:
            return
        old = await projects.find_container(self.engine, engine_id) or {}
        await projects.stop(self.engine, engine_id, timeout_s=None)
        await projects.remove_container(self.engine, engine_id, with_volumes=not keeps_volumes)
        if not keeps_volumes:
            # those that were taken over from an earlier container go with none by themselves
            for volume in anonymous_volumes(old):
                with contextlib.suppress(Conflict):
                    await projects.remove_volume(self.engine, volume)
        await self.run.tell("containers.gone", engine_ids=[engine_id])

    def _name_of(self, step: Step) -> str:
        return container_name(self.project, step.service, self.project.services[step.service], step.number)

    async def _seen(self, engine_id: str) -> None:
        """Told to the console once it has been started. Unavailable when it does not come to that."""
        try:
            async with asyncio.timeout(WAIT_S):
                while (fact := await self.engine.get_container(engine_id)).state not in STARTED:  # noqa: ASYNC110 - engines are asked
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            raise Unavailable(f"{engine_id[:12]} was started, and does not run after {WAIT_S:.0f} s") from error
        await self.run.tell("containers.seen", containers=[fact.as_json()])


DONE = {
    Action.PULL: "pulled",
    Action.BUILD: "built",
    Action.CREATE: "created",
    Action.REPLACE: "replaced",
    Action.RESTART: "restarted",
    Action.REMOVE: "removed",
}
