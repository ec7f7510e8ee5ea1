"""What of a plan puts single containers back, and nothing else. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from console.operations.errors import Conflict
from console.stacks.compose.model import Project
from console.stacks.planning.changes import Change
from console.stacks.planning.plans import Action, Plan, Step
from console.stacks.planning.updates import starts_first


@dataclass(frozen=True, slots=True)
class Unwell:
    """A place among a service's containers. ``engine_id`` is that of the container which is unwell, empty where there
    is none; ``change`` says why.
    """

    service: str
    number: int
    engine_id: str
    change: Change


def mending(whole: Plan, project: Project, unwell: Iterable[Unwell]) -> Plan:
    """Of what there is of the places named, each is replaced by a fresh container, and those that restart with it are.

    A place whose container is another one by now, and well, stays. Conflict where a volume of theirs is gone: an empty
    one in its place would look as if all were well.
    """
    places = {(one.service, one.number): one for one in unwell}
    services = {one.service for one in places.values()}
    _require_volumes(whole, project, services)
    steps = [step for step in whole.steps if step.kind == "image" and step.service in services]
    steps += [step for step in whole.steps if step.kind == "network" and step.action is Action.CREATE]
    fresh = [_fresh(step, whole, project, places) for step in whole.steps if step.kind == "container"]
    replaced = {step.service for step in fresh if step is not None and step.action is Action.REPLACE}
    for step, planned in zip((one for one in whole.steps if one.kind == "container"), fresh, strict=True):
        if planned is not None:
            steps.append(planned)
        elif step.action is Action.KEEP and (before := _restarts_with(project, step, replaced)):
            steps.append(replace(step, action=Action.RESTART, changes=(Change("depends_on", before),)))
    return replace(whole, steps=tuple(steps), remarks=tuple(one for one in whole.remarks if one.name in services))


def _fresh(step: Step, whole: Plan, project: Project, places: Mapping[tuple[str, int], Unwell]) -> Step | None:
    one = places.get((step.service, step.number))
    if one is None:
        return None
    if step.action in (Action.CREATE, Action.REPLACE, Action.REMOVE):
        return step
    if step.engine_id != one.engine_id:
        return None
    is_first = starts_first(project.services[step.service], shares_ports=step.service in whole.shared)
    return replace(step, action=Action.REPLACE, changes=(one.change,), is_first_started=is_first)


def _restarts_with(project: Project, step: Step, replaced: set[str]) -> str:
    service = project.services.get(step.service)
    waits = service.depends_on.items() if service is not None else ()
    return next((key for key, one in waits if one.restart and key in replaced), "")


def _require_volumes(whole: Plan, project: Project, services: set[str]) -> None:
    gone = {step.name for step in whole.steps if step.kind == "volume" and step.action is Action.CREATE}
    used = {mount.source for name in services if name in project.services for mount in project.services[name].volumes}
    for key, volume in project.volumes.items():
        if key in used and volume.name in gone:
            raise Conflict(f"the volume {volume.name} is gone: put it back, or deploy the stack to have an empty one")
