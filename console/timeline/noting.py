"""Writing down one change, once: whether the engine told it, told it again, or somebody found it by looking."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from console.containers.models import Container
from console.hosts.models import Host
from console.images.references import Reference
from console.operations.errors import Invalid
from console.operations.runner import publish_on_commit
from console.timeline.models import Change

Kind = Change.Kind
# what an event says and what is found by looking are the same if they are so near
NEAR = timedelta(seconds=2)
NEAR_OF = {
    Kind.HEALTH: timedelta(seconds=30),
    Kind.REMOVED: timedelta(seconds=60),
    Kind.RENAMED: timedelta(seconds=60),
}


@dataclass(frozen=True, slots=True)
class Noted:
    """``word`` tells apart what has the same kind, thing and time."""

    kind: Change.Kind
    at: datetime
    engine_id: str
    name: str = ""
    image: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    is_trouble: bool = False
    word: str = ""

    @property
    def key(self) -> str:
        text = f"{self.kind}|{self.engine_id}|{self.at.isoformat()}|{self.word}"
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def note(host: Host, noted: Noted, *, container: Container | None, is_observed: bool = False) -> Change | None:
    """The row, if it is new or better known now. Inside an observation."""
    if noted.at < timezone.now() - timedelta(days=settings.NARU_TIMELINE_DAYS):
        return None
    near = _near(host, noted)
    if is_observed and near is not None:
        return None
    if near is not None and near.is_observed:
        # the engine knows better when it was
        near.at, near.key, near.is_observed = noted.at, noted.key, False
        near.details, near.is_trouble = {**near.details, **noted.details}, noted.is_trouble
        near.save()
        return near
    facts = {
        "container": container,
        "kind": noted.kind,
        "at": noted.at,
        "engine_id": noted.engine_id[:255],
        "name": noted.name[:255],
        "image": noted.image[:300],
        "details": noted.details,
        "is_trouble": noted.is_trouble,
        "is_observed": is_observed,
    }
    change, is_new = Change.objects.get_or_create(host=host, key=noted.key, defaults=facts)
    if is_new:
        publish_on_commit("rows.changes", {"host": host.name})
    return change if is_new else None


def full_name(image: str) -> str:
    """As tags are told: ``app`` is ``app:latest``."""
    try:
        return str(Reference.parse(image, field="image"))
    except Invalid:
        return image


def time_of(at_ns: int) -> datetime:
    """To the microsecond, which is what databases keep."""
    return datetime.fromtimestamp(at_ns // 10**9, UTC).replace(microsecond=at_ns % 10**9 // 1000)


def _near(host: Host, noted: Noted) -> Change | None:
    span = NEAR_OF.get(noted.kind, NEAR)
    found = Change.objects.filter(
        host=host,
        engine_id=noted.engine_id[:255],
        kind=noted.kind,
        at__gte=noted.at - span,
        at__lte=noted.at + span,
    )
    if noted.kind is Kind.HEALTH:
        found = found.filter(details__status=noted.details.get("status"))
    return found.exclude(key=noted.key).order_by("is_observed").last()
