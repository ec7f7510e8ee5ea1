"""Making, removing, copying and restoring volumes. Each becomes a job on the volume's host."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.hosts.queries import get_host
from console.hosts.wires import VolumeSpec
from console.jobs.models import Job
from console.jobs.operations import add_job, judges_again, require_idle
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.runner import Operation, operation, publish_on_commit
from console.volumes.files import files
from console.volumes.models import Backup, Volume
from console.volumes.queries import (
    find_present,
    get_backup,
    get_volume,
    require_reading,
    unused_volumes,
    users_to_stop,
)
from console.workspaces.asked_wires import asked_by_volume
from console.workspaces.models import Workspace
from console.workspaces.placing import place_for_new, require_by_rules, require_workspace
from console.workspaces.queries import get_workspace, workspace_for_new
from console.workspaces.rules import Used, judge

CREATE = "volume.create"
MAKING = (CREATE, "volume.clone", "volume.restore")
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")
WORD = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.:/-]{0,63}")
OWN_LABELS = "naru."
MOST_BACKUPS = 50
LONGEST_KEPT_DAYS = 3650


def create_volume(
    actor: Actor,
    host_name: str,
    *,
    name: str,
    workspace: str = "",
    driver: str = "local",
    options: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Job:
    """``workspace`` is whose it will be; empty: the first in which the actor may. Its rules judge the name, and what of
    the host the options would mount: Denied.

    Needs volume.manage. Invalid and Conflict name ``name``, ``driver``, ``options`` or ``labels``.
    """
    host = get_host(actor, host_name)
    owner = workspace_for_new(actor, workspace, Permission.VOLUME_MANAGE)
    inputs: dict[str, Any] = {"host": host.name, "workspace": str(owner) if owner else None, "name": name[:128]}
    with operation(actor, Permission.VOLUME_MANAGE, at=place_for_new(owner, host), **inputs) as op:
        # held, so that two at once cannot both take the name
        owner = require_workspace(owner).locked()
        args: dict[str, Any] = {
            "name": _free_name(host, name),
            "driver": _checked_driver(driver),
            "options": _checked_texts(options or {}, field="options"),
            "labels": _checked_texts(labels or {}, field="labels"),
        }
        require_allowed(owner, host, args)
        # what a remote file system is mounted with may hold a password
        op.details |= {"driver": args["driver"], "options": sorted(args["options"]) or None}
        return add_job(op, CREATE, host=host, workspace=owner, args=args, on_name=args["name"])


def remove_volume(actor: Actor, host_name: str, name: str, *, typed: str) -> Job:
    """With all that is in it. ``typed`` is its name once more. Conflict while a container has it.

    Needs volume.remove, which asks for a proof of who one is.
    """
    volume = get_volume(actor, host_name, name)
    with operation(actor, Permission.VOLUME_REMOVE, on=volume, host=host_name) as op:
        volume = volume.locked()
        volume.require_present()
        _require_typed(typed, volume.shown_name)
        require_idle(volume)
        if volume.users:
            raise Conflict(_("Containers have “%(name)s”. Remove them first.") % {"name": volume.shown_name})
        return _add(op, "volume.remove", volume)


def prune_volumes(actor: Actor, host_name: str, *, workspace: str, names: Sequence[str]) -> Job:
    """Remove those of the workspace's volumes that no container has, as they were shown: ``names``. One that is used by
    then stays. Conflict when none of them is unused now. Needs volume.remove.
    """
    host, owner = get_host(actor, host_name), get_workspace(actor, workspace)
    inputs: dict[str, Any] = {"host": host.name, "workspace": owner.slug, "pruned": list(names)[:200]}
    with operation(actor, Permission.VOLUME_REMOVE, at=place_for_new(owner, host), **inputs) as op:
        unused = [one.name for one in unused_volumes(actor, host, owner) if one.name in set(names)]
        if not unused:
            raise Conflict(_("None of these volumes is unused any more."))
        on_name = _("%(count)d volumes") % {"count": len(unused)}
        return add_job(op, "volume.prune", host=host, workspace=owner, args={"names": unused}, on_name=on_name)


def measure_volumes(actor: Actor, host_name: str, *, workspace: str = "") -> Job:
    """Find out how large the host's volumes are: its engine reads all of them for it. Needs volume.manage."""
    host = get_host(actor, host_name)
    owner = workspace_for_new(actor, workspace, Permission.VOLUME_MANAGE)
    with operation(actor, Permission.VOLUME_MANAGE, at=place_for_new(owner, host), host=host.name) as op:
        active = Job.objects.filter(host=host, kind="volume.measure", state__in=Job.ACTIVE).order_by("pk").first()
        if active is not None:
            raise Conflict(_("Job #%(number)d is measuring them already.") % {"number": active.pk})
        return add_job(op, "volume.measure", host=host, workspace=owner, args={}, on_name=host.name)


def list_files(actor: Actor, host_name: str, name: str) -> Job:
    """Have its files listed, as far as a list goes. Needs volume.backup."""
    volume = get_volume(actor, host_name, name)
    with operation(actor, Permission.VOLUME_BACKUP, on=volume, host=host_name, listed=True) as op:
        volume = volume.locked()
        volume.require_present()
        require_idle(volume)
        return _add(op, "volume.list", volume)


def back_up(
    actor: Actor, host_name: str, name: str, *, note: str = "", keep_days: int | None = None, stops: bool = False
) -> Backup:
    """Have the console keep a copy of its files, for ``keep_days`` (0: until somebody removes it).

    ``stops``: the containers that have it and run are stopped for it and started again after; without it, files that
    are being written may be torn. That needs container.stop over them. Needs volume.backup.
    """
    volume = get_volume(actor, host_name, name)
    with operation(actor, Permission.VOLUME_BACKUP, on=volume, host=host_name, stops=stops or None) as op:
        volume = volume.locked()
        volume.require_present()
        require_idle(volume)
        days = _checked_days(keep_days)
        if Backup.objects.filter(host=volume.host, volume_name=volume.name).count() >= MOST_BACKUPS:
            raise Conflict(_("There are %(most)d backups of it already. Remove some first.") % {"most": MOST_BACKUPS})
        args = {"stops": users_to_stop(actor, volume) if stops else [], "most_bytes": settings.NARU_BACKUP_MOST_BYTES}
        job = _add(op, "volume.backup", volume, **args)
        now = timezone.now()
        backup = Backup.objects.create(
            workspace=volume.workspace,
            host=volume.host,
            host_name=volume.host.name,
            volume_name=volume.name,
            driver=volume.driver,
            options=volume.options,
            labels=_plain_labels(volume.labels),
            job=job,
            note=note.strip()[:200],
            made_by_name=actor.name,
            created_at=now,
            expires_at=now + timedelta(days=days) if days else None,
        )
        op.details["backup"] = backup.pk
        publish_on_commit("rows.volumes", {"host": host_name})
    return backup


def restore_into_new(actor: Actor, number: int, host_name: str, *, name: str) -> Job:
    """Make a volume that holds what the backup holds, in the backup's workspace. Needs volume.manage there, and
    volume.backup over the backup. Invalid and Conflict name ``name``.
    """
    backup, host = get_backup(actor, number), get_host(actor, host_name)
    at = place_for_new(backup.workspace, host)
    with operation(actor, Permission.VOLUME_MANAGE, at=at, backup=backup.pk, host=host.name, name=name[:128]) as op:
        require_reading(actor, backup)
        backup.require_kept()
        owner = backup.workspace.locked()
        spec = {"driver": backup.driver, "options": backup.options, "labels": backup.labels}
        args = {**_from_backup(backup), "name": _free_name(host, name), **spec, "over": False, "stops": []}
        require_allowed(owner, host, args)
        return add_job(op, "volume.restore", host=host, workspace=owner, args=args, on_name=args["name"])


def restore_over(actor: Actor, number: int, host_name: str, name: str, *, typed: str, stops: bool = False) -> Job:
    """Put what the backup holds into a volume that is there. Where no container has it, it is then as the backup is;
    else what the backup does not name stays in it. ``typed`` is the volume's name once more.

    Conflict while containers that have it run, unless ``stops``: then they are stopped for it and started again.
    Needs volume.remove over the volume, which asks for a proof of who one is, and volume.backup over the backup.
    """
    backup, volume = get_backup(actor, number), get_volume(actor, host_name, name)
    with operation(actor, Permission.VOLUME_REMOVE, on=volume, backup=backup.pk, stops=stops or None) as op:
        require_reading(actor, backup)
        backup.require_kept()
        volume = volume.locked()
        volume.require_present()
        _require_typed(typed, volume.shown_name)
        require_idle(volume)
        if backup.workspace_id != volume.workspace_id:
            raise Conflict(_("The backup is of another workspace."))
        running = users_to_stop(actor, volume)
        if running and not stops:
            raise Conflict(_("Containers that have “%(name)s” run. Stop them first.") % {"name": volume.shown_name})
        spec = {"driver": volume.driver, "options": volume.options, "labels": _plain_labels(volume.labels)}
        return _add(op, "volume.restore", volume, **_from_backup(backup), **spec, over=True, stops=running)


def clone_volume(actor: Actor, host_name: str, name: str, *, to: str) -> Job:
    """Make another volume on the same host that holds the same, in the same workspace. Needs volume.manage there, and
    volume.backup over the volume. Invalid and Conflict name ``to``.
    """
    volume = get_volume(actor, host_name, name)
    with operation(actor, Permission.VOLUME_MANAGE, on=volume, host=host_name, clone=to[:128]) as op:
        require_reading(actor, volume)
        owner = volume.workspace.locked()
        volume.require_present()
        spec = {"driver": volume.driver, "options": volume.options, "labels": _plain_labels(volume.labels)}
        args = {"source": volume.name, "name": _free_name(volume.host, to, field="to"), **spec}
        if volume.options:
            raise Conflict(_("A volume with driver options is not cloned: both would show the same files."))
        require_allowed(owner, volume.host, args)
        return add_job(op, "volume.clone", host=volume.host, workspace=owner, args=args, on=volume)


def move_volume(actor: Actor, host_name: str, name: str, *, workspace: str) -> Volume:
    """Give it to another workspace; its backups stay where they are. Needs workspace.manage."""
    volume = get_volume(actor, host_name, name)
    to = get_workspace(actor, workspace)
    with operation(actor, Permission.WORKSPACE_MANAGE, on=volume, to=to.slug):
        volume = volume.locked()
        volume.require_present()
        volume.workspace = to
        volume.save(update_fields=["workspace"])
        publish_on_commit("rows.volumes", {"host": host_name})
        # who could see it may not any more
        publish_on_commit("access")
    return volume


def note_download(actor: Actor, number: int) -> Backup:
    """Whoever takes a copy away is on record. Needs volume.backup. Conflict while it is not whole."""
    backup = get_backup(actor, number)
    with operation(actor, Permission.VOLUME_BACKUP, on=backup, downloaded=True, sha256=backup.sha256):
        backup.require_kept()
    return backup


def remove_backup(actor: Actor, number: int) -> None:
    """The copy goes for good. Conflict while it is being made. Needs volume.remove, which asks for a proof."""
    _remove_backup(actor, get_backup(actor, number), because=None)


def remove_due_backup(number: int) -> None:
    """Its time is over. The system's own; fine if it is gone, or is to stay after all."""
    backup = Backup.objects.filter(pk=number).first()
    if backup is not None and backup.is_due(timezone.now()) and backup.state != Backup.State.COMING:
        _remove_backup(Actor.system("retention"), backup, because="its time was over")


def _remove_backup(actor: Actor, backup: Backup, *, because: str | None) -> None:
    number = backup.pk
    with operation(actor, Permission.VOLUME_REMOVE, on=backup, sha256=backup.sha256, because=because):
        backup = backup.locked()
        if backup.state == Backup.State.COMING:
            raise Conflict(_("It is being made just now: cancel the job first."))
        backup.delete()
        # a file without a row is swept, a row without its file would be a lie
        transaction.on_commit(lambda: files.drop(number))
        publish_on_commit("rows.volumes")


def require_allowed(workspace: Workspace, host: Host, args: Mapping[str, Any]) -> None:
    """Denied, with all the reasons, unless the workspace's rules allow such a volume."""
    spec = VolumeSpec(args["name"], args["driver"], args["options"])
    asked = asked_by_volume(spec.as_docker())
    require_by_rules(judge(workspace.rules, asked, workspace=workspace.slug, host=host.name, used=Used()))


def _judge_again(job: Job) -> None:
    if job.workspace is not None and not job.args.get("over"):
        require_allowed(job.workspace, job.host, job.args)


for _kind in MAKING:
    judges_again(_kind)(_judge_again)


def _add(op: Operation, kind: str, volume: Volume, **more: Any) -> Job:
    args = {"name": volume.name, **more}
    return add_job(op, kind, host=volume.host, workspace=volume.workspace, args=args, on=volume)


def _from_backup(backup: Backup) -> dict[str, Any]:
    return {"backup": backup.pk, "size_bytes": backup.size_bytes, "sha256": backup.sha256}


def _require_typed(typed: str, name: str) -> None:
    if typed.strip() != name:
        raise Invalid(_("Type the name “%(name)s” to go on.") % {"name": name}, field="typed")


def _free_name(host: Host, name: str, *, field: str = "name") -> str:
    name = name.strip()
    if not NAME.fullmatch(name):
        raise Invalid(
            _("“%(name)s” is no volume name: letters, digits, “_”, “.” and “-”, at least two.") % {"name": name[:128]},
            field=field,
        )
    coming = Job.objects.filter(host=host, kind__in=MAKING, state__in=Job.ACTIVE, args__name=name)
    if find_present(host, name) is not None or coming.exists():
        raise Conflict(_("The name “%(name)s” is in use on this host.") % {"name": name}, field=field)
    return name


def _checked_driver(driver: str) -> str:
    if not WORD.fullmatch(driver):
        raise Invalid(_("“%(name)s” is no driver.") % {"name": driver[:64]}, field="driver")
    return driver


def _checked_texts(given: Mapping[str, str], *, field: str) -> dict[str, str]:
    for name, value in given.items():
        if not name or name.startswith(OWN_LABELS) or "\0" in name + value:
            raise Invalid(_("“%(entry)s” does not fit here.") % {"entry": name[:80]}, field=field)
    return dict(given)


def _checked_days(days: int | None) -> int:
    days = settings.NARU_BACKUP_DAYS if days is None else days
    if not 0 <= days <= LONGEST_KEPT_DAYS:
        raise Invalid(_("A backup is kept for 1 to 3650 days; 0 means until somebody removes it."), field="keep_days")
    return days


def _plain_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Without ours, which name a job."""
    return {name: value for name, value in labels.items() if not name.startswith(OWN_LABELS)}
