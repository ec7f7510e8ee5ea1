from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from console.audit.operations import note_reading
from console.audit.queries import AuditFilter
from console.containers.models import Container
from console.containers.queries import get_container, require_logs
from console.containers.reasons import reason_of
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.rest.answers import not_kept
from console.rest.door import actor_of
from console.rest.schemas import Listing, Name, Number, Paging, Slug, listing
from console.timeline import files
from console.timeline.markers import markers_of
from console.timeline.queries import ChangeFilter, get_capsule, timeline, visible_capsules
from console.timeline.schemas import (
    ChangesOfOneQuery,
    ChangesQuery,
    CrashContentsShown,
    CrashShown,
    EntryOfTimeShown,
    MarkerShown,
    MarkersShown,
)
from console.web.permits import require_held

router = Router()
ONE = "containers/{host}/{name}"


@router.get("changes", response=Listing[EntryOfTimeShown])
def list_changes(request: HttpRequest, wanted: Query[ChangesQuery]) -> Listing[EntryOfTimeShown]:
    """What changed on all hosts, newest first: what engines told, jobs, and who was given which rights."""
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    return _listing(actor, wanted.wanted, wanted)


@router.get(f"{ONE}/changes", response=Listing[EntryOfTimeShown])
def list_container_changes(
    request: HttpRequest, host: Path[Slug], name: Path[Name], wanted: Query[ChangesOfOneQuery]
) -> Listing[EntryOfTimeShown]:
    """Of one container, with what its image's name came to mean and the grants that reach it."""
    actor, container = _container(request, host, name)
    return _listing(actor, wanted.about(container=container), wanted)


@router.get(f"{ONE}/crashes", response=Listing[CrashShown])
def list_crashes(
    request: HttpRequest, host: Path[Slug], name: Path[Name], wanted: Query[Paging]
) -> Listing[CrashShown]:
    """That something went wrong, and what is kept of it. Newest first."""
    actor, container = _container(request, host, name)
    return listing(visible_capsules(actor, container), wanted, by="-at", show=CrashShown.of)


@router.get(f"{ONE}/crashes/{{number}}", response=CrashContentsShown)
def get_crash(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], number: Path[Number]
) -> CrashContentsShown:
    """What was kept: the last lines of the log, the latest checks and figures."""
    not_kept(response)
    actor, container = _container(request, host, name)
    capsule = get_capsule(actor, container, number)
    contents = files.read(capsule.number)
    reason = reason_of(capsule.exit_code, is_oom=bool(contents.get("is_oom")) or capsule.what == "oom")
    return CrashContentsShown.with_contents(capsule, contents, reason=reason)


@router.get(f"{ONE}/log/markers", response=MarkersShown)
def get_log_markers(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> MarkersShown:
    """Where in its log it ended and was started again."""
    actor, container = _container(request, host, name)
    require_logs(actor, container)
    return MarkersShown(markers=[MarkerShown.of(marker) for marker in markers_of(container)])


def _listing(actor: Actor, about: ChangeFilter, paging: Paging) -> Listing[EntryOfTimeShown]:
    shown = timeline(actor, about, after=paging.cursor, limit=paging.limit)
    if shown.has_audit and not paging.cursor:
        container = about.container
        note_reading(
            actor, AuditFilter(target_kind="container", target=str(container.pk)) if container else AuditFilter()
        )
    items = [EntryOfTimeShown.of(entry) for entry in shown.entries]
    return Listing[EntryOfTimeShown].model_construct(items=items, next=shown.next_after or None)


def _container(request: HttpRequest, host: str, name: str) -> tuple[Actor, Container]:
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    return actor, get_container(actor, host, name)
