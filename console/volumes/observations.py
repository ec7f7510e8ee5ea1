"""The volumes a host has, and backups as they come, as its agent reports them."""

from datetime import datetime
from typing import Any

import structlog
from django.utils import timezone

from console.hosts.models import Host
from console.hosts.wires import JOB_LABEL, VolumeFact
from console.jobs.facts import Fact, observes
from console.jobs.models import Job
from console.jobs.pieces import give_piece, keep_piece, running_job
from console.operations.actor import Actor
from console.operations.runner import observation, publish_on_commit
from console.volumes.files import files
from console.volumes.models import Backup, Volume, VolumeListing
from console.workspaces.models import Workspace
from console.workspaces.observations import first_workspace, workspace_by_prefix

log = structlog.get_logger(__name__)
# what makes a volume, and names it in its arguments
MAKING = ("volume.create", "volume.clone", "volume.restore")
MOST_ENTRIES = 2000


@observes("host.inventory")
def volumes_seen(host_name: str, fact: Fact) -> None:
    """Rows as the host has them. The row of one that is gone stays, dated: its jobs and audit rows lead there."""
    if "volumes" not in fact:
        # an agent from before there were volumes
        return
    with observation(Actor.host(host_name)):
        host = Host.objects.filter(name=host_name).first()
        if host is None:
            return
        seen = [VolumeFact.from_json(entry) for entry in fact["volumes"]]
        known = {row.name: row for row in Volume.objects.filter(host=host, gone_at=None)}
        changed = [one for one in seen if _write(host, one, known.get(one.name))]
        present = Volume.objects.filter(host=host, gone_at=None)
        gone = present.exclude(name__in=[one.name for one in seen]).update(gone_at=timezone.now())
        if changed or gone:
            publish_on_commit("rows.volumes", {"host": host_name})


@observes("volumes.gone")
def volumes_gone(host_name: str, fact: Fact) -> None:
    with observation(Actor.host(host_name)):
        rows = Volume.objects.filter(host__name=host_name, gone_at=None, name__in=fact["names"])
        if rows.update(gone_at=timezone.now()):
            publish_on_commit("rows.volumes", {"host": host_name})


@observes("volumes.measured")
def volumes_measured(host_name: str, fact: Fact) -> None:
    with observation(Actor.host(host_name)):
        sizes = {str(name): int(size) for name, size in fact["sizes"].items()}
        rows = Volume.objects.filter(host__name=host_name, gone_at=None, name__in=sizes)
        for row in rows:
            row.size_bytes, row.measured_at = sizes[row.name], timezone.now()
            row.save(update_fields=["size_bytes", "measured_at"])
        publish_on_commit("rows.volumes", {"host": host_name})


@observes("volume.listed")
def volume_listed(host_name: str, fact: Fact) -> None:
    """What a job found that was asked to look."""
    job = running_job(host_name, fact, "volume.list")
    if job is None:
        return
    with observation(Actor.host(host_name)):
        volume = Volume.objects.filter(pk=int(job.on_id), host=job.host).first()
        if volume is None:
            return
        entries = fact["entries"][:MOST_ENTRIES]
        facts = {"entries": entries, "is_complete": bool(fact["is_complete"]), "listed_at": timezone.now()}
        VolumeListing.objects.update_or_create(volume=volume, defaults=facts)
        publish_on_commit("rows.volumes", {"host": host_name})


@observes("backup.piece")
def piece_came(host_name: str, fact: Fact) -> None:
    job = running_job(host_name, fact, "volume.backup")
    backup = Backup.objects.filter(job=job, state=Backup.State.COMING).first() if job is not None else None
    if job is not None and backup is not None:
        keep_piece(files, backup.pk, job, fact)


@observes("backup.wanted")
def piece_wanted(host_name: str, fact: Fact) -> None:
    """By a job that restores it."""
    job = running_job(host_name, fact, "volume.restore")
    if job is not None:
        give_piece(files, int(job.args["backup"]), job, fact)


@observes("attempt.ended")
def backup_ended(host_name: str, fact: Fact) -> None:
    """Whether a backup is whole now, or will never be."""
    with observation(Actor.host(host_name)):
        job = Job.objects.filter(pk=fact["job"], host__name=host_name, kind="volume.backup").first()
        backup = Backup.objects.filter(job=job, state=Backup.State.COMING).first() if job is not None else None
        if job is None or backup is None or not job.is_final:
            return
        came = files.coming_bytes(backup.pk)
        if job.state == Job.State.SUCCEEDED and came == job.result.get("size_bytes"):
            files.keep(backup.pk)
            backup.state, backup.size_bytes = Backup.State.KEPT, came
            backup.sha256 = str(job.result.get("sha256", ""))[:64]
        else:
            log.warning("backup is not whole", backup=backup.pk, job=job.pk, state=job.state, came=came)
            files.drop(backup.pk)
            backup.state = Backup.State.FAILED
        backup.save(update_fields=["state", "size_bytes", "sha256"])
        publish_on_commit("rows.volumes", {"host": host_name})


def note_failed_backups() -> None:
    """Those whose job has ended, or is not there any more, without a word from its host."""
    with observation(Actor.system("volumes")):
        for backup in Backup.objects.filter(state=Backup.State.COMING).select_related("job"):
            if backup.job is None or (backup.job.is_final and backup.job.state != Job.State.SUCCEEDED):
                files.drop(backup.pk)
                backup.state = Backup.State.FAILED
                backup.save(update_fields=["state"])
                publish_on_commit("rows.volumes")


def _write(host: Host, fact: VolumeFact, row: Volume | None) -> bool:
    """Whether the row had to be made or changed. One that was removed and made anew is another volume."""
    values = _values(fact)
    if row is not None and row.created_at != values["created_at"]:
        row.gone_at = timezone.now()
        row.save(update_fields=["gone_at"])
        row = None
    if row is not None and all(getattr(row, name) == value for name, value in values.items()):
        return False
    row = row or Volume(host=host, name=fact.name, workspace=_workspace_of(host, fact))
    for name, value in values.items():
        setattr(row, name, value)
    row.seen_at = timezone.now()
    row.save()
    return True


def _workspace_of(host: Host, fact: VolumeFact) -> Workspace:
    """That of the job which made it, or made the container it came with, or the one whose name it begins with."""
    made = _job(host, fact.labels.get(JOB_LABEL, ""), kinds=MAKING, name=fact.name)
    if made is None:
        jobs = (_job(host, str(user.get("job", "")), kinds=("container.run",)) for user in fact.users)
        made = None if workspace_by_prefix(fact.name) else next((job for job in jobs if job is not None), None)
    if made is not None and made.workspace is not None:
        return made.workspace
    return workspace_by_prefix(fact.name) or first_workspace()


def _job(host: Host, number: str, *, kinds: tuple[str, ...], name: str = "") -> Job | None:
    if not number.isdecimal() or len(number) > 18:
        return None
    jobs = Job.objects.select_related("workspace").filter(pk=int(number), host=host, kind__in=kinds)
    return (jobs.filter(args__name=name) if name else jobs).first()


def _values(fact: VolumeFact) -> dict[str, Any]:
    return {
        "driver": fact.driver[:64],
        "scope": fact.scope[:16],
        "mountpoint": fact.mountpoint[:1024],
        "options": fact.options,
        "labels": fact.labels,
        "users": fact.users,
        "created_at": datetime.fromisoformat(fact.created_at),
    }
