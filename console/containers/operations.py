"""Running containers, changing and replacing them, and ending them. Each becomes a job on the container's host."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from console.containers.asking import (
    Place,
    arguments,
    require_allowed,
    require_free_name,
    require_free_ports,
    require_idle,
)
from console.containers.cloning import PortsOfClones, clone_names, clone_ports, shareable
from console.containers.limits import LIMITS, limits_of
from console.containers.models import Container, Revision
from console.containers.picking import Action, Picked, get_action, items_of, judge_picked
from console.containers.ports import PublishedPort
from console.containers.present import present_if
from console.containers.queries import get_container, get_revision, names_in_use, ports_in_use, revisions_of
from console.containers.specs.checks import checked
from console.containers.specs.given import spec_of_inputs
from console.containers.specs.spec import ContainerSpec
from console.containers.words import SIGNAL, checked_name
from console.hosts.queries import get_host
from console.images.pulling import require_pullable
from console.images.references import PullName, Reference, is_image_id
from console.jobs.models import Job
from console.jobs.operations import add_job, judges_again
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.runner import Operation, operation, publish_on_commit
from console.secrets.references import names_in
from console.workspaces.placing import place_for_new, require_workspace
from console.workspaces.queries import get_workspace, workspace_for_new

MOST_STOP_TIMEOUT_S = 3600
# a new one that stays up for so long counts as running
SETTLE_S = 2.0


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
    **more: Any,
) -> Job:
    """Create a container and start it; pull its image first if the host has it not, who asks may pull, and the
    workspace's rules allow that registry. ``command`` is split as a shell would (quotes), and never given to one.

    ``ports`` are written ``[address:][host port:]container port[/udp]``, on 127.0.0.1 unless an address is given.
    ``workspace`` is whose it will be; empty: the first in which the actor may. What its rules do not allow is Denied.
    ``more`` are further fields of ContainerSpec.

    A value of ``env`` may be ``secret:NAME``, a secret of the workspace's; this needs secret.use, too.

    Needs container.run. Invalid and Conflict name the field; then no job is made.
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
        "more": sorted(more) or None,
    }
    given = {"image": image, "command": command, "env": env, "ports": ports, "memory_bytes": memory_bytes}
    with operation(actor, Permission.CONTAINER_RUN, at=place_for_new(owner, host), **inputs) as op:
        # held, so that two at once cannot both take what is left of its totals
        owner = require_workspace(owner).locked()
        place = Place(actor, host, owner)
        spec = spec_of_inputs({**given, "cpus": cpus, **more})
        args = arguments(place, spec, pulls=True)
        op.details |= {"pulls": args["image"]} if "pull" in args else {}
        args["name"] = checked_name(name)
        require_free_name(host, args["name"])
        require_free_ports(place, spec.ports)
        require_allowed(owner, host, args)
        return add_job(
            op, "container.run", host=host, workspace=owner, args=args, on_name=name.strip() or args["image"]
        )


def replace_container(
    actor: Actor,
    host_name: str,
    name: str,
    *,
    spec: ContainerSpec | None = None,
    restores: int | None = None,
) -> Job:
    """Put another in its place, under its name, by one job: ``spec``, or the same as now, fresh from its image.

    Its image is pulled first, as by run_container, before the old one stops. What the old one wrote inside itself is
    lost; its volumes stay. If the new one does not run, the old one does again.
    ``restores``: the number of the revision that ``spec`` is of.

    Needs container.deploy. Invalid, Denied and Conflict as run_container; Unavailable when its engine cannot be asked.
    """
    container = get_container(actor, host_name, name)
    now = present_if(actor, container, Permission.CONTAINER_DEPLOY)
    wanted = spec if spec is not None else now.spec
    inputs: dict[str, Any] = {
        "host": host_name,
        "image": wanted.image[:300],
        "restores": restores,
        "env": sorted(wanted.env) or None,
    }
    with operation(actor, Permission.CONTAINER_DEPLOY, on=container, **inputs) as op:
        workspace, container = container.workspace.locked(), _held(container)
        if now.spec.auto_remove:
            raise Conflict(
                _("“%(name)s” is removed when it ends, so it could not be brought back. Run another one.")
                % {"name": container.name}
            )
        wanted = checked(wanted)
        place = Place(actor, container.host, workspace, instead_of=container)
        args = {**arguments(place, wanted, pulls=True), "name": container.name, "engine_id": container.engine_id}
        op.details |= {"pulls": args["image"]} if "pull" in args else {}
        args |= {"settle_s": SETTLE_S, "drops": _drops(now.spec, wanted)}
        require_free_ports(place, wanted.ports)
        require_allowed(workspace, container.host, args, instead_of=container)
        op.details["changed"] = _changed(now.spec, wanted)
        job = _add(op, "container.replace", container, **args)
        cause = Revision.Cause.RESTORED if restores else Revision.Cause.EDITED
        _keep_revision(op, container, wanted, found=now.spec, cause=cause, job=job, restores=restores)
        return job


def restore_revision(actor: Actor, host_name: str, name: str, number: int) -> Job:
    """Replace it by one with the specification of an earlier revision. As replace_container."""
    container = get_container(actor, host_name, name)
    spec = ContainerSpec.from_json(get_revision(container, number).spec)
    return replace_container(actor, host_name, name, spec=spec, restores=number)


def clone_container(
    actor: Actor, host_name: str, name: str, *, count: int, pattern: str = "", ports: str = PortsOfClones.ENGINE
) -> Job:
    """Run ``count`` more like it, by one job with a result for each. ``pattern``: their names, ``{n}`` is the next free
    number. ``ports``: those that are fixed are left to the engine, or counted up. Addresses are not taken along.

    Needs container.run. The rules of its workspace hold for all of them together.
    """
    container = get_container(actor, host_name, name)
    now = present_if(actor, container, Permission.CONTAINER_RUN)
    inputs: dict[str, Any] = {"host": host_name, "count": count, "pattern": pattern[:128] or None, "ports": ports[:20]}
    with operation(actor, Permission.CONTAINER_RUN, on=container, **inputs) as op:
        workspace, container = container.workspace.locked(), container.locked()
        container.require_present()
        if ports not in [*PortsOfClones]:
            raise Invalid(_("Either engine or counted."), field="ports")
        place, how = Place(actor, container.host, workspace), PortsOfClones(ports)
        names = clone_names(pattern or container.name, times=count, taken=names_in_use(container.host))
        spec = checked(shareable(now.spec))
        held = ports_in_use(container.host, seen_by=actor)
        each = clone_ports(spec.ports, times=count, held=held, how=how)
        args = arguments(place, spec)
        require_allowed(workspace, container.host, args, times=count)
        limits = {"memory_bytes": spec.memory_bytes, "cpus": spec.cpus}
        args["clones"] = [
            {"name": one, "ports": [port.as_json() for port in own], **limits}
            for one, own in zip(names, each, strict=True)
        ]
        return _add(op, "container.clone", container, **args)


def act_on_many(actor: Actor, action_key: str, keys: Sequence[str]) -> list[Job]:
    """Start, stop, restart or remove those of ``keys`` (picking.judge_picked) to which it can be done: one job for each
    host and workspace, with a result for each container. The rest is left as it is, and said in the audit row.

    Needs the action's permission over each. Conflict when it can be done to none.
    """
    action = get_action(action_key)
    picked = judge_picked(actor, action, keys)
    groups: dict[tuple[int, int], list[Picked]] = {}
    for one in picked:
        if not one.why_not:
            groups.setdefault((one.container.host_id, one.container.workspace_id), []).append(one)
    left_out = [f"{one.container.name}: {one.why_not}" for one in picked if one.why_not]
    if not groups:
        with operation(actor, action.permission, anywhere=True, left_out=left_out or None):
            raise Conflict(_("It can be done to none of them."), field="picked")
    return [_act_on(actor, action, group, left_out=left_out) for group in groups.values()]


def _act_on(actor: Actor, action: Action, group: list[Picked], *, left_out: list[str]) -> Job:
    host, workspace = group[0].container.host, group[0].container.workspace
    items = items_of(group)
    names = [item["name"] for item in items]
    with operation(actor, action.permission, anywhere=True, names=names, left_out=left_out or None) as op:
        for one in group:
            _held(one.container)
        on_name = ", ".join(names)
        return add_job(op, action.kind, host=host, workspace=workspace, args={"items": items}, on_name=on_name)


def update_limits(
    actor: Actor,
    host_name: str,
    name: str,
    **limits: Any,
) -> Job:
    """Change limits as it runs: fields of ContainerSpec out of LIMITS; what is empty stays as it is. No limit at all is
    for replace_container: engines take none away.

    Needs container.deploy. Invalid when nothing is to be changed.
    """
    container = get_container(actor, host_name, name)
    now = present_if(actor, container, Permission.CONTAINER_DEPLOY)
    wanted = {field: value for field, value in limits.items() if field in LIMITS and value}
    with operation(actor, Permission.CONTAINER_DEPLOY, on=container, host=host_name, limits=wanted) as op:
        if not wanted:
            raise Invalid(_("Write at least one limit."))
        workspace, container = container.workspace.locked(), _held(container)
        spec = checked(replace(now.spec, **wanted))
        require_allowed(workspace, container.host, spec.as_json(), instead_of=container)
        args = {"engine_id": container.engine_id, "memory_bytes": spec.memory_bytes, "cpus": spec.cpus}
        job = _add(op, "container.update", container, **args, update=limits_of(spec))
        _keep_revision(op, container, spec, found=now.spec, cause=Revision.Cause.LIMITS, job=job)
        return job


def start_container(actor: Actor, host_name: str, name: str) -> Job:
    """Start a container that is not running; Conflict if it is. Needs container.start."""
    container = get_container(actor, host_name, name)
    with operation(actor, Permission.CONTAINER_START, on=container, host=host_name) as op:
        container = container.locked()
        container.require_not_alive()
        require_idle(container)
        place = Place(actor, container.host, container.workspace)
        require_free_ports(place, [PublishedPort(**port) for port in container.ports])
        return _add(op, "container.start", container, engine_id=container.engine_id)


def stop_container(actor: Actor, host_name: str, name: str, *, timeout_s: int = 10) -> Job:
    """Ask it to end, and kill it after ``timeout_s``. Conflict if it is not running. Needs container.stop."""
    container = get_container(actor, host_name, name)
    with operation(actor, Permission.CONTAINER_STOP, on=container, host=host_name, timeout_s=timeout_s) as op:
        _check_timeout(timeout_s)
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


def restart_container(actor: Actor, host_name: str, name: str, *, timeout_s: int = 10) -> Job:
    """Stop it, if it runs, and start it. Needs container.restart."""
    container = get_container(actor, host_name, name)
    with operation(actor, Permission.CONTAINER_RESTART, on=container, host=host_name, timeout_s=timeout_s) as op:
        _check_timeout(timeout_s)
        container = _held(container)
        return _add(op, "container.restart", container, engine_id=container.engine_id, timeout_s=timeout_s)


def pause_container(actor: Actor, host_name: str, name: str) -> Job:
    """Hold all of its processes still. Conflict unless it runs. Needs container.stop."""
    container = get_container(actor, host_name, name)
    with operation(actor, Permission.CONTAINER_STOP, on=container, host=host_name) as op:
        container = _held(container)
        if container.state != Container.State.RUNNING:
            raise Conflict(_("“%(name)s” is not running.") % {"name": container.name})
        return _add(op, "container.pause", container, engine_id=container.engine_id)


def unpause_container(actor: Actor, host_name: str, name: str) -> Job:
    """Have it go on. Conflict unless it is paused. Needs container.start."""
    container = get_container(actor, host_name, name)
    with operation(actor, Permission.CONTAINER_START, on=container, host=host_name) as op:
        container = _held(container)
        if container.state != Container.State.PAUSED:
            raise Conflict(_("“%(name)s” is not paused.") % {"name": container.name})
        return _add(op, "container.unpause", container, engine_id=container.engine_id)


def kill_container(actor: Actor, host_name: str, name: str, *, signal: str = "KILL") -> Job:
    """Send it a signal, by name or number; Conflict if it is not running. Needs container.stop."""
    container = get_container(actor, host_name, name)
    with operation(actor, Permission.CONTAINER_STOP, on=container, host=host_name, signal=signal[:20]) as op:
        signal = signal.strip().upper()
        if not SIGNAL.fullmatch(signal):
            raise Invalid(_("Write a signal such as HUP, TERM or KILL."), field="signal")
        container = _held(container)
        container.require_alive()
        return _add(op, "container.kill", container, engine_id=container.engine_id, signal=signal)


def rename_container(actor: Actor, host_name: str, name: str, *, to: str) -> Job:
    """Conflict (``to``) when the name is in use. Needs container.deploy."""
    container = get_container(actor, host_name, name)
    with operation(actor, Permission.CONTAINER_DEPLOY, on=container, host=host_name, to=to[:128]) as op:
        container = _held(container)
        new = checked_name(to, field="to")
        if not new:
            raise Invalid(_("Write the new name."), field="to")
        if new == container.name:
            raise Conflict(_("That is its name already."), field="to")
        require_free_name(container.host, new, field="to")
        return _add(op, "container.rename", container, engine_id=container.engine_id, name=new)


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


def _held(container: Container) -> Container:
    """Locked; Conflict when it is gone or a job is at work on it."""
    container = container.locked()
    container.require_present()
    require_idle(container)
    return container


def _check_timeout(timeout_s: int) -> None:
    if not 0 <= timeout_s <= MOST_STOP_TIMEOUT_S:
        raise Invalid(_("The time to wait is 0 to 3600 seconds."), field="timeout_s")


def _add(op: Operation, kind: str, container: Container, **args: Any) -> Job:
    return add_job(op, kind, host=container.host, workspace=container.workspace, args=args, on=container)


def _drops(now: ContainerSpec, wanted: ContainerSpec) -> list[str]:
    """Where it had volumes without a name that are not wanted any more."""
    had, wants = ({mount.target for mount in spec.mounts if not mount.source} for spec in (now, wanted))
    return sorted(had - wants)


def _changed(now: ContainerSpec, wanted: ContainerSpec) -> list[str]:
    before, after = now.as_json(), wanted.as_json()
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _keep_revision(
    op: Operation,
    container: Container,
    spec: ContainerSpec,
    *,
    found: ContainerSpec,
    cause: Revision.Cause,
    job: Job,
    restores: int | None = None,
) -> None:
    """``found`` becomes the first where nobody knows of any."""
    latest = revisions_of(container).first()
    first = container.first or container
    if latest is None:
        latest = Revision.objects.create(first=first, number=1, cause=Revision.Cause.FOUND, spec=found.as_json())
    Revision.objects.create(
        first=first,
        number=latest.number + 1,
        cause=cause,
        spec=spec.as_json(),
        job=job,
        actor_name=op.actor.name,
        restores=restores,
    )


@judges_again("container.run")
@judges_again("container.replace")
def _judge_again(job: Job) -> None:
    if job.workspace is not None:
        instead_of = Container.objects.filter(host=job.host, engine_id=job.args.get("engine_id", "")).first()
        require_allowed(job.workspace.locked(), job.host, job.args, instead_of=instead_of)
        if pull := job.args.get("pull"):
            require_pullable(job.workspace, job.host, PullName(pull["repository"], pull["tag"]), also=[])


def check_run(inputs: Mapping[str, Any]) -> None:
    """Invalid as run_container, for what of the inputs can be judged beforehand."""
    image = str(inputs.get("image", "")).strip()
    if not is_image_id(image):
        Reference.parse(image, field="image")
    checked_name(str(inputs.get("name", "")))
    spec_of_inputs({name: value for name, value in inputs.items() if name not in ("host", "workspace", "name")})
