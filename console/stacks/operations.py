"""Making, changing, deploying, scaling and removing stacks. What changes a host becomes a job on it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from console.containers.models import Container
from console.containers.queries import used_by
from console.hosts.models import Host
from console.hosts.queries import get_host
from console.jobs.models import Job
from console.jobs.operations import add_job, require_idle
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.policy import may
from console.operations.runner import Operation, operation, publish_on_commit
from console.secrets.queries import require_usable
from console.stacks.building import Builds, builds_for, refuse_to_build, services_to_build
from console.stacks.choosing import placings_for, require_best
from console.stacks.models import Release, Stack
from console.stacks.planning import labels
from console.stacks.planning.bodies import container_body
from console.stacks.planning.names import container_name
from console.stacks.planning.plans import Action
from console.stacks.preparing import Before, Prepared, args_of, before_of, prepared_for, prepared_scaling, source_of
from console.stacks.queries import get_stack, present
from console.stacks.sources import checked_files
from console.workspaces.asked import asked_by_container
from console.workspaces.models import Workspace
from console.workspaces.placing import place_for_new, require_by_rules, require_workspace
from console.workspaces.queries import workspace_for_new
from console.workspaces.rules import Refusal, judge

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
DIRECTORY = re.compile(r"/[^\0]{0,4000}")
# files, paths, variables, profiles
Sources = tuple[Mapping[str, str], Sequence[str], Mapping[str, str], Sequence[str]]


def create_stack(
    actor: Actor,
    host_name: str,
    *,
    name: str,
    files: Mapping[str, str],
    paths: Sequence[str] = ("compose.yaml",),
    workspace: str = "",
    variables: Mapping[str, str] | None = None,
    profiles: Sequence[str] = (),
    adopt: str = "",
    directory: str = "",
) -> Stack:
    """Keep its files; nothing happens on the host. On it the project is called "<workspace>_<name>".

    ``host_name`` empty: that on which it fits best (Conflict, ``host``, where it fits on none).

    ``adopt`` is the name of a project that docker compose has there: it becomes this stack as it runs, and is touched
    only by what a plan says. Needs container.deploy. Invalid and Conflict name ``name``, ``files``, ``adopt``, ….
    """
    owner = workspace_for_new(actor, workspace, Permission.CONTAINER_DEPLOY)
    if not host_name:
        wanted = placings_for(actor, require_workspace(owner), files, paths, variables, profiles)
        host_name = require_best(wanted).name
    host = get_host(actor, host_name)
    inputs: dict[str, Any] = {
        "host": host.name,
        "workspace": str(owner) if owner else None,
        "name": name[:63],
        "adopt": adopt[:128],
    }
    with operation(actor, Permission.CONTAINER_DEPLOY, at=place_for_new(owner, host), **inputs) as op:
        owner = require_workspace(owner).locked()
        sources = (files, paths, variables or {}, profiles)
        stack = new_stack(owner, host, name=name, sources=sources, adopt=adopt, directory=directory)
        op.target(stack)
        publish_on_commit("rows.stacks", {"host": host.name})
    return stack


def new_stack(
    owner: Workspace, host: Host, *, name: str, sources: Sources | None, adopt: str = "", directory: str = ""
) -> Stack:
    """Its row, inside an operation that holds the workspace's. Raises as ``create_stack`` does.

    ``sources`` None: they are yet to come.
    """
    if not NAME.fullmatch(name):
        raise Invalid(_("A stack's name has small letters, digits, “_” and “-”, up to 63."), field="name")
    project = adopt or project_of(owner, name)
    _require_free(host, project, owner, adopts=bool(adopt))
    stack = Stack(workspace=owner, host=host, name=name, project=project)
    stack.directory = _checked_directory(directory or f"/srv/{project}")
    if sources is None:
        stack.paths = ["compose.yaml"]
        stack.save()
    else:
        keep_files(stack, *sources)
    return stack


def project_of(owner: Workspace, name: str) -> str:
    """What a stack of that name is called on its host."""
    return f"{owner.slug}_{name}"


def change_stack(
    actor: Actor,
    stack_id: int,
    *,
    files: Mapping[str, str],
    paths: Sequence[str] = ("compose.yaml",),
    variables: Mapping[str, str] | None = None,
    profiles: Sequence[str] = (),
) -> Stack:
    """Other files; what runs stays as it is until it is deployed. Needs container.deploy."""
    stack = get_stack(actor, stack_id)
    with operation(actor, Permission.CONTAINER_DEPLOY, on=stack):
        stack = stack.locked()
        if stack.repository:
            message = _("Its files come from %(url)s: change them there, or detach the stack from it.")
            raise Conflict(message % {"url": stack.repository}, field="files")
        keep_files(stack, files, paths, variables or {}, profiles)
        publish_on_commit("rows.stacks", {"host": stack.host.name})
    return stack


def keep_files(
    stack: Stack,
    files: Mapping[str, str],
    paths: Sequence[str],
    variables: Mapping[str, str],
    profiles: Sequence[str],
) -> None:
    """Inside an operation or an observation. Raises as ``change_stack`` does."""
    stack.files, stack.paths = checked_files(files), list(paths) or ["compose.yaml"]
    stack.variables, stack.profiles = dict(variables), list(profiles)
    source_of(stack).load()
    stack.changed_at = timezone.now()
    stack.save()


def _require_free(host: Host, project: str, owner: Workspace, *, adopts: bool) -> None:
    # what has been removed gives its name back
    Stack.objects.filter(host=host, project=project).exclude(present()).update(is_gone=True)
    field = "adopt" if adopts else "name"
    if Stack.objects.filter(host=host, project=project, is_gone=False).exists():
        raise Conflict(_("“%(name)s” is a stack on this host already.") % {"name": project}, field=field)
    there = _containers_of(host, project)
    if adopts and not there:
        raise Invalid(_("There is no project “%(name)s” on this host.") % {"name": project}, field=field)
    if adopts:
        _require_own(there, owner, project)
    if not adopts and there:
        message = _("“%(name)s” runs on this host already; adopt it instead.")
        raise Conflict(message % {"name": project}, field=field)


def _containers_of(host: Host, project: str) -> list[Container]:
    rows = Container.objects.filter(host=host, gone_at=None).only("labels", "workspace_id")
    return [one for one in rows if one.labels.get(labels.PROJECT) == project]


def _require_own(there: Sequence[Container], owner: Workspace, project: str) -> None:
    """Labels are only words: what somebody else has given the project's label is not touched."""
    if any(one.workspace_id != owner.pk for one in there):
        raise Conflict(_("Containers of “%(name)s” belong to another workspace.") % {"name": project})


def _checked_directory(directory: str) -> str:
    if not DIRECTORY.fullmatch(directory) or ".." in directory.split("/"):
        raise Invalid(_("The directory is an absolute path."), field="directory")
    return directory.rstrip("/") or "/"


# --- planning ---


def plan_stack(actor: Actor, stack_id: int, *, release: int | None = None) -> Prepared:
    """What deploying its files would do, or going back to a release. The host is looked at; nothing changes.

    Needs container.deploy, since that is what it is for. ComposeInvalid, Missing; Unavailable when the host is silent.
    """
    stack = get_stack(actor, stack_id)
    _require(actor, Permission.CONTAINER_DEPLOY, stack)
    return prepared_for(stack, release)


def _require(actor: Actor, permission: Permission, stack: Stack) -> None:
    """Before the host is asked. A refusal is put on record, as of every operation."""
    if not may(actor, permission, on=stack):
        with operation(actor, permission, on=stack):
            pass


# --- deploying ---


def deploy_stack(actor: Actor, stack_id: int, *, plan_digest: str) -> Job:
    """Do what the plan with this digest says; Conflict when the host or the files are not as they were then.

    Needs container.deploy, and secret.use for secrets that are referred to. Denied, with all the reasons, where the
    workspace's rules do not allow what a container would have.
    """
    stack = get_stack(actor, stack_id)
    _require(actor, Permission.CONTAINER_DEPLOY, stack)
    return _deploy(actor, stack, prepared_for(stack, None), plan_digest=plan_digest)


def roll_back(actor: Actor, stack_id: int, *, release: int, plan_digest: str) -> Job:
    """Put an earlier release on the host again, as a new one. The stack's files stay. Needs container.deploy."""
    stack = get_stack(actor, stack_id)
    _require(actor, Permission.CONTAINER_DEPLOY, stack)
    return _deploy(actor, stack, prepared_for(stack, release), plan_digest=plan_digest, rolls_back_to=release)


def plan_scaling(actor: Actor, stack_id: int, *, replicas: Mapping[str, int]) -> Prepared:
    """What other numbers of containers would do, of what runs now. Needs container.scale.

    Invalid (``replicas``) for a service that is not there.
    """
    stack = get_stack(actor, stack_id)
    _require(actor, Permission.CONTAINER_SCALE, stack)
    return prepared_scaling(stack, replicas)


def scale_stack(actor: Actor, stack_id: int, *, replicas: Mapping[str, int], plan_digest: str = "") -> Job:
    """Another number of containers of some services, of what runs now; Conflict where ``plan_digest`` is given and the
    host is not as it was then. Needs container.scale.

    Invalid (``replicas``) for a service that is not there. Its files stay; the next deployment goes by them again.
    """
    stack = get_stack(actor, stack_id)
    _require(actor, Permission.CONTAINER_SCALE, stack)
    prepared = prepared_scaling(stack, replicas)
    digest = plan_digest or prepared.plan.digest
    return _deploy(actor, stack, prepared, plan_digest=digest, permission=Permission.CONTAINER_SCALE)


def _deploy(
    actor: Actor,
    stack: Stack,
    prepared: Prepared,
    *,
    plan_digest: str,
    rolls_back_to: int | None = None,
    permission: Permission = Permission.CONTAINER_DEPLOY,
) -> Job:
    inputs: dict[str, Any] = {
        "plan": plan_digest[:64],
        "rolls_back_to": rolls_back_to,
        "secrets": prepared.given.secrets or None,
    }
    with operation(actor, permission, on=stack, **inputs) as op:
        owner = stack.workspace.locked()
        stack = stack.locked()
        require_idle(stack)
        _require_own(_containers_of(stack.host, stack.project), owner, stack.project)
        prepared.plan.require(plan_digest)
        builds = _builds(actor, stack, owner, prepared)
        before = before_of(stack, prepared)
        require_usable(actor, owner, _secrets_of(prepared, before, builds), field="files")
        require_allowed(owner, stack.host, prepared)
        return add_release(op, stack, owner, prepared, before=before, builds=builds, rolls_back_to=rolls_back_to)


def _secrets_of(prepared: Prepared, before: Before, builds: Builds) -> list[str]:
    return sorted({*prepared.given.secrets, *before.secrets, *builds.secrets})


def add_release(
    op: Operation,
    stack: Stack,
    owner: Workspace,
    prepared: Prepared,
    *,
    before: Before | None = None,
    builds: Builds | None = None,
    rolls_back_to: int | None = None,
    kind: str = "stack.deploy",
    more: Mapping[str, Any] | None = None,
) -> Job:
    """Inside ``op``. ``kind`` is that of the job which puts it on the host, with ``more`` among its arguments."""
    before, builds = before or Before(), builds or Builds()
    newest = stack.newest
    release = Release(
        stack=stack,
        number=newest.number + 1 if newest else 1,
        document=prepared.project.document(),
        contents=prepared.given.contents,
        digests=prepared.digests,
        secrets=prepared.given.secrets,
        plan=prepared.plan.document(),
        commit=prepared.commit,
        rolls_back_to=rolls_back_to,
        by_name=op.actor.name,
    )
    secrets = _secrets_of(prepared, before, builds)
    args = {**args_of(prepared, release.number, before), **({"secrets": secrets} if secrets else {})}
    args |= {**({"builds": builds.args} if builds.args else {}), **(more or {})}
    release.job = add_job(op, kind, host=stack.host, workspace=owner, args=args, on=stack, blobs=builds.blobs)
    release.save()
    op.details["release"] = release.number
    publish_on_commit("rows.stacks", {"host": stack.host.name})
    return release.job


def _builds(actor: Actor, stack: Stack, owner: Workspace, prepared: Prepared) -> Builds:
    """Needs image.build where there is something to build, which takes the files that the stack has now."""
    missing = services_to_build(prepared)
    if not missing:
        return Builds()
    if not prepared.is_of_files:
        service, image = next(iter(missing.items()))
        raise refuse_to_build(source_of(stack), service, image, stack.host)
    _require(actor, Permission.IMAGE_BUILD, stack)
    return builds_for(actor, owner, stack.host, prepared, source_of(stack))


def require_allowed(workspace: Workspace, host: Host, prepared: Prepared) -> None:
    """Denied, with all the reasons, unless the rules allow every container that the plan would make."""
    project, used = prepared.project, used_by(workspace, host)
    siblings = {
        container_name(project, name, service, number)
        for name, service in project.services.items()
        for number in range(1, service.replicas + 1)
    }
    renewed = {step.service for step in prepared.plan.steps if step.kind == "image"}
    steps = [step for step in prepared.plan.steps if step.kind == "container" and step.action is not Action.REMOVE]
    # what is kept now is made anew when its image turns out to be another
    made = [step for step in steps if step.action in MAKING or step.service in renewed]
    added = sum(step.action is Action.CREATE for step in made)
    used = replace(used, own=used.own | siblings, containers=max(used.containers + added - len(made), 0))
    found: dict[str, Refusal] = {}
    for step in made:
        digest = prepared.plan.services[step.service]
        body = container_body(
            project,
            step.service,
            step.number,
            hash_=digest,
            more_labels=prepared.plan.labels_of(step.service),
            image=prepared.plan.images.get(step.service, ""),
        )
        asked = asked_by_container(body)
        for refusal in judge(workspace.rules, asked, workspace=workspace.slug, host=host.name, used=used):
            found.setdefault(refusal.message, refusal)
        used = replace(
            used,
            containers=used.containers + asked.containers,
            memory_bytes=used.memory_bytes + asked.memory_bytes,
            cpus=used.cpus + asked.cpus,
        )
    require_by_rules(list(found.values()))


MAKING = (Action.CREATE, Action.REPLACE)


# --- removing ---


def remove_stack(actor: Actor, stack_id: int, *, with_volumes: bool = False) -> Job:
    """Its containers and networks go from the host; volumes only ``with_volumes``, which cannot be undone.

    Needs container.remove, or stack.purge (and a proof of who one is) with volumes.
    """
    stack = get_stack(actor, stack_id)
    permission = Permission.STACK_PURGE if with_volumes else Permission.CONTAINER_REMOVE
    with operation(actor, permission, on=stack, volumes=with_volumes) as op:
        stack = stack.locked()
        require_idle(stack)
        _require_own(_containers_of(stack.host, stack.project), stack.workspace, stack.project)
        args = {"project": stack.project, "volumes": with_volumes}
        stack.removal = add_job(op, "stack.remove", host=stack.host, workspace=stack.workspace, args=args, on=stack)
        stack.save()
        publish_on_commit("rows.stacks", {"host": stack.host.name})
        return stack.removal
