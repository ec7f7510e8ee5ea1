"""The docker commands that do what a page shows. Pure. What made a container is told where it is edited."""

import shlex
from collections.abc import Sequence

from console.containers.models import Container


def container_commands(container: Container) -> str:
    """What can be done to it now."""
    if container.gone_at is not None:
        return ""
    name = shlex.quote(container.name)
    if container.state == Container.State.PAUSED:
        acts = ["unpause", "kill"]
    elif container.is_alive:
        acts = ["restart", "pause", "stop", "kill --signal HUP"]
    else:
        acts = ["start", "rm"]
    return "\n".join(f"docker {act} {name}" for act in ("inspect", "logs --follow", *acts))


def log_command(container: Container) -> str:
    if container.gone_at is not None:
        return ""
    return f"docker logs --follow --timestamps {shlex.quote(container.name)}"


def many_commands(action: str, containers: Sequence[Container]) -> str:
    """A line for each host."""
    by_host: dict[str, list[str]] = {}
    for container in containers:
        by_host.setdefault(container.host.name, []).append(container.name)
    act = "rm --force --volumes" if action == "remove" else action
    return "\n".join(f"# {host}\ndocker {act} {shlex.join(names)}" for host, names in by_host.items())
