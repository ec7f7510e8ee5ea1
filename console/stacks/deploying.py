"""Doing what a plan says, on the host's agent.

Every step may be the last one before the agent is killed. What a later attempt finds is planned anew: of an old and a
new container with the same number the new one is kept, and the old one goes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from console.hosts import projects
from console.stacks.compose.model import Service
from console.stacks.compose.parts import UpdateConfig
from console.stacks.making import DONE, Maker
from console.stacks.planning import labels
from console.stacks.planning.bodies import network_body, volume_body
from console.stacks.planning.plans import Action, Step
from console.stacks.planning.updates import update_of
from console.stacks.rolling import Rollout
from console.stacks.waiting import wait_for_those_before

ConfigOf = Callable[[Service], UpdateConfig | None]


@dataclass(slots=True)
class Deployment:
    """``config_of``: how a service's containers are replaced."""

    maker: Maker
    config_of: ConfigOf = update_of
    # what was wrong with those that were put in all the same
    failed: list[str] = field(default_factory=list)

    async def apply(self) -> None:
        """All but images. Stops at the first thing that fails, and says which. Repeating it is harmless."""
        containers: dict[str, list[Step]] = {}
        later = []
        for step in self.maker.plan.steps:
            if step.kind == "container":
                containers.setdefault(step.service, []).append(step)
            elif step.action is Action.REMOVE:
                later.append(step)
        for step in self.maker.plan.steps:
            if step.kind not in ("image", "container") and step not in later and step.action is not Action.KEEP:
                await self._thing(step)
        for name in [name for name in containers if name not in self.maker.project.services]:
            await self.maker.each(containers.pop(name), self.maker.remove)
        for name, steps in containers.items():
            await self._service(name, steps)
        for step in later:
            await self._thing(step)

    # --- networks, volumes ---

    async def _thing(self, step: Step) -> None:
        engine = self.maker.engine
        match step.kind, step.action:
            case "network", Action.CREATE:
                await self._create_network(step.name)
            case "network", Action.REPLACE:
                await self._leave(step.name)
                await projects.remove_network(engine, step.name)
                await self._create_network(step.name)
            case "network", _:
                await projects.remove_network(engine, step.name)
            case "volume", Action.CREATE:
                project = self.maker.project
                key = next(key for key, one in project.volumes.items() if one.name == step.name)
                body = volume_body(project, key, project.volumes[key])
                await projects.create_volume(engine, self._labelled(body))
            case "volume", _:
                await projects.remove_volume(engine, step.name)
        await self.maker.run.write(f"{step.kind} {step.name}: {DONE[step.action]}\n")

    async def _create_network(self, name: str) -> None:
        project = self.maker.project
        key = next(key for key, one in project.networks.items() if one.name == name)
        body = network_body(project, key, project.networks[key])
        await projects.create_network(self.maker.engine, self._labelled(body))

    async def _leave(self, network: str) -> None:
        """Containers of the project that are on it go, since they are made anew."""
        project = self.maker.project
        for step in self.maker.plan.steps:
            if step.kind == "container" and step.engine_id and step.action is Action.REPLACE:
                service = project.services[step.service]
                if network in {project.networks[key].name for key in service.networks}:
                    await self.maker.leave(step)

    def _labelled(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {**body, "Labels": {**body["Labels"], **self.maker.own_labels}}

    # --- containers ---

    async def _service(self, name: str, steps: list[Step]) -> None:
        maker, service = self.maker, self.maker.project.services[name]
        by_action: dict[Action, list[Step]] = {}
        for step in steps:
            by_action.setdefault(step.action, []).append(step)
        if set(by_action) - {Action.REMOVE, Action.KEEP}:
            await wait_for_those_before(maker.run, maker.engine, maker.project, name, service)
        # those that hold a port for themselves make room for those that share it
        first = [step for step in by_action.get(Action.REPLACE, []) if _begins_to_share(step)]
        await maker.each(first, maker.replace)
        await maker.each(by_action.get(Action.CREATE, []), maker.create)
        await maker.each(by_action.get(Action.RESTART, []), maker.restart)
        await self._replace(service, [step for step in steps if step not in first])
        await maker.each(by_action.get(Action.REMOVE, []), maker.remove)

    async def _replace(self, service: Service, steps: list[Step]) -> None:
        config = self.config_of(service)
        if config is None:
            for step in steps:
                if step.action is Action.REPLACE:
                    await self.maker.replace(step)
            return
        rollout = Rollout(self.maker, config)
        try:
            await rollout.carry_out(steps)
        finally:
            self.failed += rollout.failed


def _begins_to_share(step: Step) -> bool:
    return any(change.name == labels.SHARED_PORTS for change in step.changes)
