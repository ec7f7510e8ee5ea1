"""What a host's rows tell that no event did: the agent may have been away, or the engine may have forgotten.

Inside the observation that writes the row.
"""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from console.containers.changes import Known
from console.containers.models import Container
from console.hosts.models import Host
from console.timeline.differences import differences, image_difference
from console.timeline.events import was_asked
from console.timeline.models import Capsule, Change
from console.timeline.noting import Noted, full_name, note

Kind = Change.Kind
# what is renamed to make room for what replaces it
MADE_ROOM = timedelta(minutes=10)


def container_changed(row: Container, before: Known | None) -> None:
    """``before`` is None when nobody knew of it."""
    if before is None:
        _first_seen(row)
        return
    if row.gone_at is not None:
        if before.gone_at is None:
            _observed(row, Kind.REMOVED, row.gone_at)
        return
    if row.name != before.name:
        _observed(row, Kind.RENAMED, timezone.now(), old=before.name, new=row.name)
    _runs(row, before)
    if row.health in ("healthy", "unhealthy") and row.health != before.health:
        _observed(row, Kind.HEALTH, timezone.now(), is_trouble=row.health == "unhealthy", status=row.health)
    if changed := differences(before.shape, row.shape):
        _observed(row, Kind.RECONFIGURED, timezone.now(), changes=changed)


def host_changed(host: Host) -> None:
    kind = Kind.HOST_BACK if host.lost_at is None else Kind.HOST_LOST
    at = host.lost_at or timezone.now()
    details = {"reason": host.error[:500]} if host.lost_at is not None else {}
    noted = Noted(kind, at, "", name=host.name, details=details, is_trouble=kind is Kind.HOST_LOST)
    note(host, noted, container=None, is_observed=True)


def _first_seen(row: Container) -> None:
    orphans: dict[str, Any] = {"host": row.host, "engine_id": row.engine_id, "container": None}
    Change.objects.filter(**orphans).update(container=row)
    Capsule.objects.filter(**orphans).update(container=row)
    _observed(row, Kind.CREATED, row.created_at)
    if row.started_at is not None:
        _observed(row, Kind.STARTED, row.started_at)
    _ended(row)
    _replaced(row)


def _replaced(row: Container) -> None:
    """By the one that had its name before, whether that is gone or was renamed to make room."""
    others = Container.objects.filter(host=row.host, created_at__lt=row.created_at).exclude(pk=row.pk)
    earlier = others.filter(name=row.name).order_by("-created_at").first() or _made_room(row)
    if earlier is None:
        return
    changed = [
        *image_difference((earlier.image, earlier.image_engine_id), (row.image, row.image_engine_id)),
        *differences(earlier.shape, row.shape),
    ]
    _observed(row, Kind.REPLACED, row.created_at, earlier=earlier.short_id, changes=changed)


def _made_room(row: Container) -> Container | None:
    renamed = Change.objects.filter(
        host=row.host,
        kind=Kind.RENAMED,
        details__old=row.name,
        at__gt=row.created_at - MADE_ROOM,
        at__lte=row.created_at + MADE_ROOM,
    )
    latest = renamed.exclude(container=row).exclude(container=None).first()
    return latest.container if latest is not None else None


def _runs(row: Container, before: Known) -> None:
    if row.finished_at != before.finished_at:
        _ended(row)
    if row.started_at is not None and row.started_at != before.started_at:
        _observed(row, Kind.STARTED, row.started_at)
    if row.restart_count > before.restart_count:
        _mark_restarts(row, row.restart_count - before.restart_count)


def _ended(row: Container) -> None:
    if row.finished_at is not None and row.exit_code is not None:
        facts = {"exit_code": row.exit_code, "is_oom": row.oom_killed}
        is_trouble = bool(row.exit_code) and not was_asked(row.host, row.engine_id, row.finished_at)
        _observed(row, Kind.DIED, row.finished_at, is_trouble=is_trouble, **facts)


def _mark_restarts(row: Container, count: int) -> None:
    """The latest starts were the engine's own doing."""
    starts = Change.objects.filter(host=row.host, engine_id=row.engine_id, kind=Kind.STARTED)
    for back, change in enumerate(starts.order_by("-at", "-pk")[: min(count, 50)]):
        change.details = {**change.details, "restarts": row.restart_count - back}
        change.save(update_fields=["details"])


def _observed(row: Container, kind: Change.Kind, at: datetime, *, is_trouble: bool = False, **details: Any) -> None:
    noted = Noted(
        kind,
        at,
        row.engine_id,
        name=row.name,
        image=full_name(row.image),
        details=details,
        is_trouble=is_trouble,
    )
    note(row.host, noted, container=row, is_observed=True)
