"""Two nouns of one app: volumes, and backups of them."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Body, Path, Query, Router

from console.hosts.queries import get_host
from console.jobs.api import job_accepted
from console.jobs.schemas import JobShown
from console.operations.permissions import Permission
from console.rest.answers import TAR
from console.rest.door import actor_of
from console.rest.schemas import Listing, Name, Number, Slug, listing
from console.volumes import operations
from console.volumes.downloads import file_of
from console.volumes.queries import find_listing, unused_volumes, users_of, visible_backups, visible_volumes
from console.volumes.queries import get_backup as find_backup
from console.volumes.queries import get_volume as find_volume
from console.volumes.schemas import (
    BackupGiven,
    BackupQuery,
    BackupShown,
    FilesShown,
    MeasureGiven,
    PruneVolumesGiven,
    RemoveVolumeQuery,
    RestoreGiven,
    RestoreOverGiven,
    UnusedQuery,
    VolumeCloneGiven,
    VolumeGiven,
    VolumeQuery,
    VolumeShown,
    VolumeUsersShown,
    VolumeWorkspaceGiven,
)
from console.web.permits import require_held
from console.workspaces.queries import get_workspace

volumes = Router()
backups = Router()
ONE = "volumes/{host}/{name}"
BACKUP = "backups/{number}"


@volumes.get("volumes", response=Listing[VolumeShown])
def list_volumes(request: HttpRequest, wanted: Query[VolumeQuery]) -> Listing[VolumeShown]:
    """By name, of all hosts."""
    actor = require_held(actor_of(request), Permission.VOLUME_VIEW)
    return listing(visible_volumes(actor, wanted.wanted), wanted, by="name", show=VolumeShown.of)


@volumes.post("volumes", response={202: JobShown})
def create_volume(request: HttpRequest, response: HttpResponse, given: VolumeGiven) -> JobShown:
    asked = given.model_dump()
    return job_accepted(response, operations.create_volume(actor_of(request), asked.pop("host"), **asked))


@volumes.post("volume-sizes", response={202: JobShown})
def measure_volumes(request: HttpRequest, response: HttpResponse, given: MeasureGiven) -> JobShown:
    """Have a host's volumes measured: its engine reads all of them for it."""
    job = operations.measure_volumes(actor_of(request), given.host, workspace=given.workspace)
    return job_accepted(response, job)


@volumes.get("unused-volumes", response=list[VolumeShown])
def list_unused_volumes(request: HttpRequest, wanted: Query[UnusedQuery]) -> list[VolumeShown]:
    """What a prune would remove: no container has them."""
    actor = require_held(actor_of(request), Permission.VOLUME_VIEW)
    found = unused_volumes(actor, get_host(actor, wanted.host), get_workspace(actor, wanted.workspace))
    return [VolumeShown.of(volume) for volume in found]


@volumes.post("unused-volumes/prune", response={202: JobShown})
def prune_volumes(request: HttpRequest, response: HttpResponse, given: PruneVolumesGiven) -> JobShown:
    """Of those named, what is still unused goes, with all that is in it."""
    actor = actor_of(request)
    job = operations.prune_volumes(actor, given.host, workspace=given.workspace, names=given.names)
    return job_accepted(response, job)


@volumes.get(ONE, response=VolumeShown)
def get_volume(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> VolumeShown:
    return VolumeShown.of(find_volume(require_held(actor_of(request), Permission.VOLUME_VIEW), host, name))


@volumes.delete(ONE, response={202: JobShown})
def remove_volume(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], wanted: Query[RemoveVolumeQuery]
) -> JobShown:
    """With all that is in it."""
    return job_accepted(response, operations.remove_volume(actor_of(request), host, name, typed=wanted.typed))


@volumes.get(f"{ONE}/containers", response=VolumeUsersShown)
def list_volume_users(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> VolumeUsersShown:
    """The containers that have it."""
    actor = require_held(actor_of(request), Permission.VOLUME_VIEW)
    return VolumeUsersShown.of(users_of(actor, find_volume(actor, host, name)))


@volumes.get(f"{ONE}/files", response=FilesShown)
def get_volume_files(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> FilesShown:
    """Its files as they were when somebody last looked."""
    actor = require_held(actor_of(request), Permission.VOLUME_VIEW)
    return FilesShown.of(find_listing(actor, find_volume(actor, host, name)))


@volumes.post(f"{ONE}/files", response={202: JobShown})
def list_volume_files(request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name]) -> JobShown:
    """Look what is in it: all of it is read for that."""
    return job_accepted(response, operations.list_files(actor_of(request), host, name))


@volumes.post(f"{ONE}/backups", response={202: BackupShown})
def back_up_volume(
    request: HttpRequest,
    host: Path[Slug],
    name: Path[Name],
    given: Body[BackupGiven] = BackupGiven(note="", keep_days=None, stops=False),  # noqa: B008 - when there is no body
) -> BackupShown:
    """Have the console keep a copy of its files. `job` is the work."""
    backup = operations.back_up(actor_of(request), host, name, **given.model_dump())
    return BackupShown.of(backup)


@volumes.post(f"{ONE}/clone", response={202: JobShown})
def clone_volume(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: VolumeCloneGiven
) -> JobShown:
    """Make another volume there that holds the same."""
    return job_accepted(response, operations.clone_volume(actor_of(request), host, name, to=given.to))


@volumes.put(f"{ONE}/workspace", response=VolumeShown)
def move_volume(request: HttpRequest, host: Path[Slug], name: Path[Name], given: VolumeWorkspaceGiven) -> VolumeShown:
    """Give it to another workspace."""
    moved = operations.move_volume(actor_of(request), host, name, workspace=given.workspace)
    return VolumeShown.of(moved)


@backups.get("backups", response=Listing[BackupShown])
def list_backups(request: HttpRequest, wanted: Query[BackupQuery]) -> Listing[BackupShown]:
    """Newest first."""
    actor = require_held(actor_of(request), Permission.VOLUME_VIEW)
    rows = visible_backups(actor, workspace=wanted.workspace, volume=wanted.volume)
    return listing(rows, wanted, by="-pk", show=BackupShown.of)


@backups.get(BACKUP, response=BackupShown)
def get_backup(request: HttpRequest, number: Path[Number]) -> BackupShown:
    return BackupShown.of(find_backup(require_held(actor_of(request), Permission.VOLUME_VIEW), number))


@backups.delete(BACKUP, response={204: None})
def remove_backup(request: HttpRequest, number: Path[Number]) -> None:
    """For good."""
    operations.remove_backup(actor_of(request), number)


@backups.get(f"{BACKUP}/file", openapi_extra=TAR)
def download_backup(request: HttpRequest, number: Path[Number]) -> StreamingHttpResponse:
    """The tar. That it was taken is on record."""
    actor = require_held(actor_of(request), Permission.VOLUME_VIEW)
    return file_of(operations.note_download(actor, number))


@backups.post(f"{BACKUP}/restore", response={202: JobShown})
def restore_backup(request: HttpRequest, response: HttpResponse, number: Path[Number], given: RestoreGiven) -> JobShown:
    """Into a new volume."""
    job = operations.restore_into_new(actor_of(request), number, given.host, name=given.name)
    return job_accepted(response, job)


@backups.post(f"{BACKUP}/restore-over", response={202: JobShown})
def restore_backup_over(
    request: HttpRequest, response: HttpResponse, number: Path[Number], given: RestoreOverGiven
) -> JobShown:
    """Into a volume that is there: its files are written over."""
    actor = actor_of(request)
    job = operations.restore_over(actor, number, given.host, given.name, typed=given.typed, stops=given.stops)
    return job_accepted(response, job)
