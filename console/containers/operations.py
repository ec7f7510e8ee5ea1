"""Running, starting, stopping and removing containers. Each becomes a job on the container's host."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from console.containers.models import Container
from console.containers.ports import PublishedPort, require_free
from console.containers.queries import HeldPorts, get_container, names_in_use, ports_in_use, used_by
from console.containers.specs import spec_of
from console.hosts.models import Host
from console.hosts.queries import get_host
from console.images.queries import find_image
from console.images.references import Reference, is_image_id
from console.jobs.models import Job
from console.jobs.operations import add_job, judges_again, require_idle
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.runner import Operation, operation, publish_on_commit
from console.secrets.queries import require_usable
from console.secrets.references import names_in
from console.workspaces.asked import asked_by_container
from console.workspaces.models import Workspace
from console.workspaces.placing import place_for_new, require_by_rules, require_workspace
from console.workspaces.queries import get_workspace, workspace_for_new
from console.workspaces.rules import judge

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# Docker refuses less
LEAST_MEMORY_BYTES = 6 * 1024 * 1024
MOST_STOP_TIMEOUT_S = 3600


def run_container(
    actor: Actor,
    host_name: str,
    *,
    image: str,
    workspace: str = "",
    name: str = "",
    command: str = "",
    env: Mapping[str, str] | None = None,
    ports: Sequence[str] = (),
    memory_bytes: int | None = None,
    cpus: float | None = None,
) -> Job:
    """Create a container and start it. ``command`` is split as a shell would (quotes), and never given to one.

    ``ports`` are written ``[address:][host port:]container port[/udp]``, on 127.0.0.1 unless an address is given.
    ``workspace`` is whose it will be; empty: the first in which the actor may. What its rules do not allow is Denied.

    A value of ``env`` may be ``secret:NAME``, a secret of the workspace's; this needs secret.use, too.

    Needs container.run. Invalid and Conflict name ``image``, ``name``, ``command``, ``env``, ``ports``,
    ``memory_bytes`` or ``cpus``; then no job is made.
    """
    host = get_host(actor, host_name)
    owner = workspace_for_new(actor, workspace, Permission.CONTAINER_RUN)
    # values of env may be secret, so the audit row holds their names only
    inputs: dict[str, Any] = {
        "host": host.name,
        "workspace": str(owner) if owner else None,
        "image": image[:300],
        "name": name[:128] or None,
        "env": sorted(env or {}) or None,
        "secrets": names_in((env or {}).values()) or None,
    }
    with operation(actor, Permission.CONTAINER_RUN, at=place_for_new(owner, host), **inputs) as op:
        # held, so that two at once cannot both take what is left of its totals
        owner = require_workspace(owner).locked()
        found = _known_image(host, image, workspace=owner)
        names = names_in((env or {}).values())
        require_usable(actor, owner, names, field="env")
        args: dict[str, Any] = {
            **({"secrets": names} if names else {}),
            "image": found.asked,
            "image_engine_id": found.engine_id,
            "name": _free_name(host, name),
            "command": _split_command(command),
            "env": _checked_env(env or {}),
            "ports": _free_ports(PublishedPort.parse_all(ports), ports_in_use(host, seen_by=actor)),
            "memory_bytes": _checked_memory(memory_bytes),
            "cpus": _checked_cpus(cpus),
        }
        require_allowed(owner, host, args)
        return add_job(
            op, "container.run", host=host, workspace=owner, args=args, on_name=name.strip() or args["image"]
        )


def start_container(actor: Actor, host_name: str, name: str) -> Job:
    """Start a container that is not running; Conflict if it is. Needs container.start."""
    container = get_container(actor, host_name, name)
    with operation(actor, Permission.CONTAINER_START, on=container, host=host_name) as op:
        container = container.locked()
        container.require_not_alive()
        require_idle(container)
        held = ports_in_use(container.host, seen_by=actor) if container.ports else {}
        for port in container.ports:
            require_free(PublishedPort(**port), held)
        return _add(op, "container.start", container, engine_id=container.engine_id)


def stop_container(actor: Actor, host_name: str, name: str, *, timeout_s: int = 10) -> Job:
    """Ask it to end, and kill it after ``timeout_s``. Conflict if it is not running. Needs container.stop."""
    container = get_container(actor, host_name, name)
    with operation(actor, Permission.CONTAINER_STOP, on=container, host=host_name, timeout_s=timeout_s) as op:
        if not 0 <= timeout_s <= MOST_STOP_TIMEOUT_S:
            raise Invalid(_("The time to wait is 0 to 3600 seconds."), field="timeout_s")
        container = container.locked()
        container.require_alive()
        require_idle(container)
        return _add(op, "container.stop", container, engine_id=container.engine_id, timeout_s=timeout_s)


def remove_container(actor: Actor, host_name: str, name: str, *, force: bool = False) -> Job:
    """Remove it with its writable layer; ``force`` also while it runs, else Conflict. Needs container.remove."""
    container = get_container(actor, host_name, name)
    with operation(actor, Permission.CONTAINER_REMOVE, on=container, host=host_name, force=force) as op:
        container = container.locked()
        container.require_present()
        if not force:
            container.require_not_alive()
        require_idle(container)
        return _add(op, "container.remove", container, engine_id=container.engine_id, force=force)


def move_container(actor: Actor, host_name: str, name: str, *, workspace: str) -> Container:
    """Give it to another workspace, as it runs; its jobs and audit rows stay. Needs workspace.manage."""
    container = get_container(actor, host_name, name)
    to = get_workspace(actor, workspace)
    with operation(actor, Permission.WORKSPACE_MANAGE, on=container, to=to.slug):
        container = container.locked()
        container.workspace = to
        container.save()
        publish_on_commit("rows.containers", {"host": host_name})
        # who could see it may not any more
        publish_on_commit("access")
    return container


def _add(op: Operation, kind: str, container: Container, **args: Any) -> Job:
    return add_job(op, kind, host=container.host, workspace=container.workspace, args=args, on=container)


def require_allowed(workspace: Workspace, host: Host, args: Mapping[str, Any]) -> None:
    """Denied, with all the reasons, unless the workspace's rules allow what the job would create."""
    asked = asked_by_container(spec_of(args).as_docker())
    used = used_by(workspace, host)
    require_by_rules(judge(workspace.rules, asked, workspace=workspace.slug, host=host.name, used=used))


@judges_again("container.run")
def _judge_run_again(job: Job) -> None:
    if job.workspace is not None:
        require_allowed(job.workspace.locked(), job.host, job.args)


@dataclass(frozen=True, slots=True)
class KnownImage:
    """``asked`` is its name as it was written, in full."""

    asked: str
    engine_id: str


def _known_image(host: Host, image: str, *, workspace: Workspace) -> KnownImage:
    image = image.strip()
    wanted = image if is_image_id(image) else str(Reference.parse(image, field="image"))
    found = find_image(host, image, workspace=workspace)
    if found is None:
        raise Invalid(
            _("There is no image “%(image)s” on “%(host)s”. Build it first.") % {"image": image, "host": host.name},
            field="image",
        )
    return KnownImage(wanted, found.engine_id)


def check_run(inputs: Mapping[str, Any]) -> None:
    """Invalid as run_container, for what of the inputs can be judged beforehand."""
    image = str(inputs.get("image", "")).strip()
    if not is_image_id(image):
        Reference.parse(image, field="image")
    if name := str(inputs.get("name", "")).strip():
        _checked_name(name)
    _split_command(str(inputs.get("command", "")))
    _checked_env(inputs.get("env") or {})
    PublishedPort.parse_all(inputs.get("ports") or ())
    _checked_memory(inputs.get("memory_bytes"))
    _checked_cpus(inputs.get("cpus"))


def _checked_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise Invalid(
            _("“%(name)s” is no container name: letters, digits, “_”, “.” and “-”, at least two.") % {"name": name},
            field="name",
        )


def _free_name(host: Host, name: str) -> str:
    name = name.strip()
    if not name:
        return ""
    _checked_name(name)
    if name in names_in_use(host):
        raise Conflict(_("The name “%(name)s” is in use on this host.") % {"name": name}, field="name")
    return name


def _split_command(command: str) -> list[str]:
    if "\0" in command:
        raise Invalid(_("The value of %(name)s holds a zero byte.") % {"name": "command"}, field="command")
    try:
        return shlex.split(command)
    except ValueError as error:
        raise Invalid(_("The command has an open quote: %(why)s.") % {"why": error}, field="command") from error


def _checked_env(env: Mapping[str, str]) -> dict[str, str]:
    for name, value in env.items():
        if not ENV_NAME.fullmatch(name):
            raise Invalid(_("“%(name)s” is no variable name.") % {"name": name}, field="env")
        if "\0" in value:
            raise Invalid(_("The value of %(name)s holds a zero byte.") % {"name": name}, field="env")
    return dict(env)


def _free_ports(ports: Sequence[PublishedPort], held: HeldPorts) -> list[dict[str, Any]]:
    for port in ports:
        require_free(port, held)
    return [port.as_json() for port in ports]


def _checked_memory(memory_bytes: int | None) -> int:
    if memory_bytes is None:
        return 0
    if memory_bytes < LEAST_MEMORY_BYTES:
        raise Invalid(_("A container needs at least 6 MiB of memory."), field="memory_bytes")
    return memory_bytes


def _checked_cpus(cpus: float | None) -> float:
    if cpus is None:
        return 0.0
    if not 0.01 <= cpus <= 1024:
        raise Invalid(_("CPUs: a number from 0.01 on, such as 0.5 or 2."), field="cpus")
    return float(cpus)
