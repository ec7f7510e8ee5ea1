"""Taking a stack's fingerprint, holding it against another, taking a stack along in a capsule, restoring it."""

import secrets as random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from console.capsules import restoring as restoring_plans
from console.capsules.files import files
from console.capsules.indexing import index_document
from console.capsules.locks.comparing import Verdict, compared
from console.capsules.locks.document import Lock
from console.capsules.locks.hashing import SALT_BYTES
from console.capsules.models import EnvironmentLock, StackCapsule
from console.capsules.portable import Portable
from console.capsules.queries import find_lock, get_capsule, require_also, require_reading
from console.capsules.reading import Reading, read_capsule
from console.capsules.restoring import Restoring, plan_restore, require_free
from console.capsules.taking import job_arguments, lock_of, looked_at, looked_for_capsule, portable_of, to_stop
from console.images.context import copy_limited
from console.images.owning import require_own_names, require_registries_allowed
from console.jobs.operations import add_job, require_idle
from console.operations.actor import Actor
from console.operations.confirmation import require_confirmed
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.operations.policy import NOWHERE, Place, may
from console.operations.runner import operation, publish_on_commit
from console.secrets.operations import create_secret
from console.secrets.queries import require_usable
from console.stacks.models import Stack
from console.stacks.operations import add_release, new_stack, require_allowed
from console.stacks.queries import get_stack
from console.volumes.operations import require_allowed as require_volume_allowed
from console.volumes.queries import find_present
from console.workspaces.placing import place_for_new, require_workspace
from console.workspaces.queries import workspace_for_new

MOST_LOCKS = 50
MOST_CAPSULES = 50
LONGEST_KEPT_DAYS = 3650


# --- fingerprints ---


def take_fingerprint(actor: Actor, stack_id: int) -> EnvironmentLock:
    """Look at what runs, and keep what it is made of. Needs stack.take.

    Conflict when it was not deployed, is not there, or its containers are not alike.
    """
    stack = get_stack(actor, stack_id)
    _require(actor, stack)
    salt = _salt_of(stack)
    release, _hints, environment = looked_at(stack, salt=salt)
    lock = lock_of(stack, release, environment, salt=salt)
    with operation(actor, Permission.STACK_TAKE, on=stack, fingerprint=lock.fingerprint):
        return _keep_lock(stack, release.number, lock, by_name=actor.name)


def note_lock_download(actor: Actor, stack_id: int) -> EnvironmentLock | None:
    """Whoever takes it away is on record. Needs stack.take. None when there is none yet."""
    stack = get_stack(actor, stack_id)
    found = find_lock(stack)
    with operation(actor, Permission.STACK_TAKE, on=stack, downloaded=found.fingerprint if found else None):
        return found


def verify(actor: Actor, stack_id: int, *, lock: Lock | None = None) -> Verdict:
    """Hold what runs against a lock; without one against its own newest. Needs stack.take."""
    stack = get_stack(actor, stack_id)
    _require(actor, stack)
    own = find_lock(stack)
    wanted = lock if lock is not None else own.lock if own is not None else None
    if wanted is None:
        raise Conflict(_("There is no fingerprint of “%(name)s” yet.") % {"name": stack.name})
    _release, _hints, environment = looked_at(stack, salt=wanted.salt)
    verdict = compared(wanted, environment)
    is_own = own is not None and wanted.fingerprint == own.fingerprint
    _note(actor, stack, verdict, own if is_own else None)
    return verdict


def verify_with(actor: Actor, stack_id: int, other_id: int) -> Verdict:
    """Hold what runs against another stack, which may be on another host. Needs stack.take over both."""
    stack, other = get_stack(actor, stack_id), get_stack(actor, other_id)
    _require(actor, stack)
    _require(actor, other)
    salt = _salt_of(other)
    release, _hints, environment = looked_at(other, salt=salt)
    lock = lock_of(other, release, environment, salt=salt)
    _release, _own_hints, own = looked_at(stack, salt=salt)
    verdict = compared(lock, own)
    _note(actor, stack, verdict, None, other=other.name)
    return verdict


def _note(actor: Actor, stack: Stack, verdict: Verdict, own: EnvironmentLock | None, **more: Any) -> None:
    facts: dict[str, Any] = {"identical": verdict.is_identical, "differences": len(verdict.differences) or None}
    with operation(actor, Permission.STACK_TAKE, on=stack, verified=verdict.locked_fingerprint, **facts, **more):
        if own is not None:
            own.checked_at, own.verdict = timezone.now(), verdict.as_json()
            own.save(update_fields=["checked_at", "verdict"])
            publish_on_commit("rows.stacks", {"host": stack.host.name})


def _require(actor: Actor, stack: Stack) -> None:
    """Before the host is asked. A refusal is put on record, as of every operation."""
    if not may(actor, Permission.STACK_TAKE, on=stack):
        with operation(actor, Permission.STACK_TAKE, on=stack):
            pass


def _salt_of(stack: Stack) -> str:
    found = find_lock(stack)
    return found.salt if found is not None else random.token_hex(SALT_BYTES)


def _keep_lock(stack: Stack, release: int, lock: Lock, *, by_name: str) -> EnvironmentLock:
    """Inside an operation. The oldest go."""
    kept = EnvironmentLock.objects.create(
        stack=stack,
        release=release,
        salt=lock.salt,
        environment=lock.environment,
        secrets=lock.secrets,
        about=lock.about,
        fingerprint=lock.fingerprint,
        by_name=by_name,
    )
    old = stack.locks.order_by("-pk").values_list("pk", flat=True)[MOST_LOCKS:]
    EnvironmentLock.objects.filter(pk__in=list(old)).delete()
    publish_on_commit("rows.stacks", {"host": stack.host.name})
    return kept


# --- taking along ---


def make_capsule(
    actor: Actor,
    stack_id: int,
    *,
    volumes: Sequence[str] = (),
    keep_days: int | None = None,
    stops: bool = False,
) -> StackCapsule:
    """Have the console keep the stack in one file: its images, its files, and these of its ``volumes`` (by key).

    ``stops``: containers that write to them are stopped meanwhile; that needs container.stop over them. Needs
    stack.take and image.export, and volume.backup over each volume. Invalid names ``volumes`` or ``keep_days``.
    """
    stack = get_stack(actor, stack_id)
    _require(actor, stack)
    require_also(actor, Permission.IMAGE_EXPORT, stack)
    days = _checked_days(keep_days)
    salt = _salt_of(stack)
    looked = looked_for_capsule(stack, salt=salt)
    lock = lock_of(stack, looked.release, looked.environment, salt=salt)
    found = portable_of(looked)
    wanted = {key: found.volumes[key] for key in _known(volumes, found)}
    facts: dict[str, Any] = {"volumes": sorted(wanted) or None, "stops": stops or None, "fingerprint": lock.fingerprint}
    with operation(actor, Permission.STACK_TAKE, on=stack, **facts) as op:
        owner = stack.workspace.locked()
        stack = stack.locked()
        require_idle(stack)
        if StackCapsule.objects.filter(stack=stack).count() >= MOST_CAPSULES:
            raise Conflict(_("There are %(most)d capsules of it already. Remove some first.") % {"most": MOST_CAPSULES})
        args = job_arguments(looked, lock, found=found, volumes=wanted)
        args |= {"stops": to_stop(actor, stack, wanted, stops=stops), "most_bytes": settings.NARU_CAPSULE_MOST_BYTES}
        job = add_job(op, "capsule.make", host=stack.host, workspace=owner, args=args, on=stack)
        _keep_lock(stack, looked.release.number, lock, by_name=actor.name)
        capsule = StackCapsule.objects.create(
            workspace=owner,
            stack=stack,
            host=stack.host,
            stack_name=stack.name,
            release=looked.release.number,
            job=job,
            fingerprint=lock.fingerprint,
            volumes=sorted(wanted),
            made_by_name=actor.name,
            expires_at=_expiry(days),
        )
        op.details["capsule"] = capsule.pk
        publish_on_commit("rows.capsules")
    return capsule


def _known(volumes: Sequence[str], found: Portable) -> list[str]:
    for key in volumes:
        if key not in found.volumes:
            raise Invalid(_("“%(name)s” cannot be taken along.") % {"name": key[:80]}, field="volumes")
    return sorted(set(volumes))


def upload_capsule(
    actor: Actor, upload: BinaryIO, *, workspace: str = "", keep_days: int | None = None
) -> StackCapsule:
    """Keep one that came from elsewhere. All of it is looked through first; Invalid (``capsule``) says what is wrong.

    Needs container.deploy in the workspace ("": the first in which the actor may).
    """
    owner = workspace_for_new(actor, workspace, Permission.CONTAINER_DEPLOY)
    at = Place(workspace_pk=owner.pk) if owner else NOWHERE
    days = _checked_days(keep_days)
    if not may(actor, Permission.CONTAINER_DEPLOY, at=at):
        with operation(actor, Permission.CONTAINER_DEPLOY, at=at):
            pass
    with files.incoming() as copy:
        copy_limited(upload, copy, limit_bytes=settings.NARU_CAPSULE_MOST_BYTES, field="capsule")
        reading = read_capsule(copy)
        size = copy.seek(0, 2)
        with operation(actor, Permission.CONTAINER_DEPLOY, at=at, capsule_sha256=reading.sha256) as op:
            capsule = StackCapsule(workspace=require_workspace(owner), made_by_name=actor.name)
            capsule.origin, capsule.expires_at = StackCapsule.Origin.UPLOADED, _expiry(days)
            keep_reading(capsule, reading, size_bytes=size)
            op.target(capsule)
            files.adopt(copy, capsule.pk)
            publish_on_commit("rows.capsules")
    return capsule


def keep_reading(capsule: StackCapsule, reading: Reading, *, size_bytes: int) -> None:
    """It was looked through and is of use. Inside an operation or an observation."""
    stack = reading.manifest.stack
    capsule.state, capsule.size_bytes, capsule.sha256 = StackCapsule.State.KEPT, size_bytes, reading.sha256
    capsule.stack_name, capsule.release = stack.name, stack.release
    capsule.fingerprint = reading.manifest.fingerprint
    capsule.volumes = [volume.key for volume in reading.manifest.volumes]
    capsule.index = index_document(reading)
    capsule.save()


def note_download(actor: Actor, number: int) -> StackCapsule:
    """Whoever takes it away is on record. Needs stack.take, and volume.backup where volumes are in it."""
    capsule = get_capsule(actor, number)
    with operation(actor, Permission.STACK_TAKE, on=capsule, downloaded=True, sha256=capsule.sha256):
        require_reading(actor, capsule)
        capsule.require_kept()
    return capsule


def remove_capsule(actor: Actor, number: int) -> None:
    """The file goes for good. Conflict while it is being made. Needs stack.take."""
    _remove(actor, get_capsule(actor, number), because=None)


def remove_due_capsule(number: int) -> None:
    """Its time is over. The system's own; fine if it is gone, or is to stay after all."""
    capsule = StackCapsule.objects.filter(pk=number).first()
    if capsule is not None and capsule.is_due(timezone.now()) and capsule.state != StackCapsule.State.COMING:
        _remove(Actor.system("retention"), capsule, because="its time was over")


def _remove(actor: Actor, capsule: StackCapsule, *, because: str | None) -> None:
    number = capsule.pk
    with operation(actor, Permission.STACK_TAKE, on=capsule, removed=True, because=because):
        capsule = capsule.locked()
        if capsule.state == StackCapsule.State.COMING:
            raise Conflict(_("It is being made just now: cancel the job first."))
        capsule.delete()
        # a file without a row is swept, a row without its file would be a lie
        transaction.on_commit(lambda: files.drop(number))
        publish_on_commit("rows.capsules")


# --- restoring ---


def restore_capsule(
    actor: Actor,
    number: int,
    host_name: str,
    *,
    name: str,
    with_volumes: bool = True,
    over: bool = False,
    moves_names: bool = False,
    secrets: Mapping[str, str] | None = None,
) -> Stack:
    """Make a stack of it there, in the capsule's workspace; ``stack.newest.job`` does it.

    ``secrets``: values for those that the workspace does not have yet, by name. ``over``: volumes that are there are
    made anew, which cannot be undone. ``moves_names``: names that mean other images there mean these from then on.
    Needs what ``plan_restore`` needs, image.pull and, with volumes, volume.manage there and volume.backup over the
    capsule; ``over`` needs volume.remove and a proof of who one is. Invalid and Conflict name ``name``, ``secrets``,
    ``over`` or ``moves_names``.
    """
    wanted = plan_restore(actor, number, host_name, name=name, with_volumes=with_volumes)
    capsule, host = wanted.capsule, wanted.host
    at = place_for_new(capsule.workspace, host)
    if over and wanted.volumes_there:
        if not may(actor, Permission.VOLUME_REMOVE, at=at):
            wanted_too = Permission.VOLUME_REMOVE
            raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted_too}, permission=wanted_too)
        require_confirmed(actor, Permission.VOLUME_REMOVE)
    if with_volumes and capsule.volumes:
        require_reading(actor, capsule)
    require_free(wanted, over=over, moves_names=moves_names)
    if given := {key: value for key, value in (secrets or {}).items() if key in wanted.missing and value}:
        for key, value in given.items():
            create_secret(actor, capsule.workspace.slug, name=key, value=value)
        wanted = restoring_plans.restoring(capsule, host, name=name, with_volumes=with_volumes)
    if wanted.missing:
        message = _("The workspace has no secret “%(names)s”. Give it a value.")
        raise Invalid(message % {"names": "”, “".join(wanted.missing)[:300]}, field="secrets")
    return _restored(actor, wanted, over=over, moves_names=moves_names)


def _restored(actor: Actor, wanted: Restoring, *, over: bool, moves_names: bool) -> Stack:
    capsule, host, prepared = wanted.capsule, wanted.host, wanted.prepared
    inputs: dict[str, Any] = {
        "capsule": capsule.pk,
        "sha256": capsule.sha256,
        "host": host.name,
        "volumes": [volume.key for volume in wanted.volumes] or None,
        "over": over or None,
    }
    at = place_for_new(capsule.workspace, host)
    with operation(actor, Permission.CONTAINER_DEPLOY, at=at, **inputs) as op:
        owner = capsule.workspace.locked()
        capsule.locked().require_kept()
        stack = new_stack(owner, host, name=wanted.name, sources=wanted.sources)
        op.target(stack)
        require_registries_allowed(owner, host, ())
        names = [name for image in wanted.images for name in image.names]
        require_own_names(host, names, workspace=owner, field="moves_names")
        require_usable(actor, owner, prepared.given.secrets, field="secrets")
        require_allowed(owner, host, prepared)
        for volume in wanted.volumes:
            row = find_present(host, volume.name)
            if row is not None and row.workspace_id != owner.pk:
                raise Conflict(_("The volume “%(name)s” belongs to another workspace.") % {"name": volume.name})
            require_volume_allowed(owner, host, {"name": volume.name, "driver": "local", "options": {}})
        more = restoring_plans.job_arguments(wanted, over=over, moves_names=moves_names)
        add_release(op, stack, owner, prepared, kind="capsule.restore", more=more)
        _keep_lock(stack, 1, wanted.index.lock, by_name=actor.name)
    return stack


def _expiry(days: int) -> Any:
    return timezone.now() + timedelta(days=days) if days else None


def _checked_days(days: int | None) -> int:
    days = settings.NARU_BACKUP_DAYS if days is None else days
    if not 0 <= days <= LONGEST_KEPT_DAYS:
        message = _("A capsule is kept for 1 to 3650 days; 0 means until somebody removes it.")
        raise Invalid(message, field="keep_days")
    return days
