"""Which change a container's status allows, and what its record says afterwards. Pure.

    created ──start──► running ──exit──► exited ──start──► running …
                       │  ▲  ▲  └──exit──► restarting ──start──► running
                     pause │  unpause         └──stop──► exited
                       ▼  │                 created, exited ──remove──► removing ──► (gone)
                      paused ──exit──► exited, restarting

A failed start leaves a status of created or exited as it was and writes the reason and the exit code beside it.
"""

from dataclasses import replace
from datetime import datetime

from engine.containers.health import health_at_start, unchecked
from engine.model.container import Container, Endpoint, ProcessIdentity, Status
from engine.model.errors import Conflict, NotModified


def check_startable(container: Container) -> None:
    match container.status:
        case Status.RUNNING:
            raise NotModified(f"container {container.name} is already running")
        case Status.RESTARTING:
            raise NotModified(f"container {container.name} is about to start by its restart policy")
        case Status.PAUSED:
            raise Conflict("cannot start a paused container, try unpause instead")
        case Status.REMOVING | Status.DEAD:
            raise Conflict("container is marked for removal and cannot be started")


def check_running(container: Container) -> None:
    if container.status is Status.RESTARTING:
        raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
    if not container.is_running:
        raise Conflict(f"container {container.id} is not running")


def check_stoppable(container: Container) -> None:
    if not container.is_active:
        raise NotModified(f"container {container.name} is already stopped")


def check_committable(container: Container) -> None:
    if container.status is Status.REMOVING:
        raise Conflict(f"You cannot commit container {container.id} which is being removed")
    if container.status is Status.DEAD:
        raise Conflict(f"You cannot commit container {container.id} which is Dead")


def check_removable(container: Container, *, force: bool) -> None:
    if container.status is Status.REMOVING:
        raise Conflict(f"removal of container {container.name} is already in progress")
    if container.is_active and not force:
        state = {Status.PAUSED: "paused: unpause and then stop", Status.RESTARTING: "restarting: stop"}.get(
            container.status, "running: stop"
        )
        raise Conflict(
            f'cannot remove container "/{container.name}": container is {state} the container before removing '
            "or force remove"
        )


def asked_to_start(container: Container) -> Container:
    """By somebody, not by its policy."""
    return replace(container, was_stopped=False, restart_count=0)


def asked_to_stop(container: Container) -> Container:
    return replace(container, was_stopped=True)


def running(
    container: Container,
    *,
    process: ProcessIdentity,
    monitor: ProcessIdentity,
    uid_base: int | None,
    endpoints: tuple[Endpoint, ...],
    at: datetime,
) -> Container:
    return replace(
        container,
        status=Status.RUNNING,
        process=process,
        monitor=monitor,
        uid_base=uid_base,
        endpoints=endpoints,
        started_at=at,
        finished_at=None,
        exit_code=0,
        oom_killed=False,
        error="",
        health=health_at_start(container),
    )


def start_failed(container: Container, *, exit_code: int, error: str) -> Container:
    status = Status.EXITED if container.status is Status.RESTARTING else container.status
    return replace(container, status=status, exit_code=exit_code, error=error)


def paused(container: Container) -> Container:
    if container.status is Status.PAUSED:
        raise Conflict(f"container {container.id} is already paused")
    check_running(container)
    return replace(container, status=Status.PAUSED, health=unchecked(container.health))


def unpaused(container: Container) -> Container:
    if container.status is not Status.PAUSED:
        raise Conflict(f"container {container.id} is not paused")
    return replace(container, status=Status.RUNNING)


def oom_killed(container: Container) -> Container:
    """The kernel has killed in it for want of memory; true until its next start."""
    return replace(container, oom_killed=True)


def exited(container: Container, *, exit_code: int, at: datetime, error: str = "") -> Container:
    """Also for a container that was found dead. Its addresses and processes are no longer its own."""
    return replace(
        container,
        status=Status.EXITED,
        process=None,
        monitor=None,
        endpoints=(),
        former_addresses={each.network: each.ip_address for each in container.endpoints},
        exit_code=exit_code,
        finished_at=at,
        error=error,
        health=unchecked(container.health),
    )


def restarting(container: Container) -> Container:
    """From exited: its policy starts it again."""
    return replace(container, status=Status.RESTARTING, restart_count=container.restart_count + 1)


def restart_called_off(container: Container) -> Container:
    return replace(container, status=Status.EXITED)


def removing(container: Container) -> Container:
    return replace(container, status=Status.REMOVING)


def removal_failed(container: Container) -> Container:
    """As Docker calls it: it does not start any more, and may be removed again."""
    return replace(container, status=Status.DEAD)


def renamed(container: Container, name: str) -> Container:
    return replace(container, name=name)
