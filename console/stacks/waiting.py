"""Waiting for the services that another one depends on."""

import asyncio
from collections.abc import Mapping
from typing import Any

from console.hosts import projects
from console.hosts.gateway import Engine
from console.jobs.agent.run import JobRun
from console.operations.errors import Conflict, Unavailable
from console.stacks.compose.model import Project, Service
from console.stacks.planning import labels

LOOK_S = 0.25
WAIT_S = 300.0


async def wait_for_those_before(run: JobRun, engine: Engine, project: Project, name: str, service: Service) -> None:
    """Until they are as ``depends_on`` says. Conflict when it cannot come to that any more, Unavailable when it takes
    too long.
    """
    for other, wanted in service.depends_on.items():
        if other not in project.services or wanted.condition == "service_started":
            continue
        await run.write(f"waiting for {other}: {wanted.condition.removeprefix('service_')}\n")
        try:
            await _wait_until(engine, project.name, other, wanted.condition)
        except (Conflict, Unavailable) as error:
            if wanted.required:
                raise
            await run.write(f"{name} goes on without {other}: {error}\n")


async def _wait_until(engine: Engine, project: str, service: str, condition: str) -> None:
    try:
        async with asyncio.timeout(WAIT_S):
            while not await _are(engine, project, service, condition):  # noqa: ASYNC110 - engines are asked
                await asyncio.sleep(LOOK_S)
    except TimeoutError as error:
        raise Unavailable(f"{service} is not {condition.removeprefix('service_')} after {WAIT_S:.0f} s") from error


async def _are(engine: Engine, project: str, service: str, condition: str) -> bool:
    found = await projects.containers_of(engine, project)
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
