"""Kept logs in JSON, ours alone: as ``GET /naru/logs`` lists them, and as the facts beside one on disk.

::

    {"id": "<64 hex digits>", "name": "web", "image": "nginx:1", "imageID": "sha256:…", "labels": {"a": "b"},
     "created": "2026-11-23T23:46:00.5Z", "started": "…", "finished": "…", "removed": "…",
     "exitCode": 1, "oomKilled": false, "tty": false, "details": " ", "bytes": 4096}

A time that never was is Go's zero time. ``details`` is on disk only, ``bytes`` in lists only.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from engine.model.container import Container
from engine.model.errors import Invalid
from engine.model.kept_log import KeptLog
from engine.wire.json_body import decode, parse_object
from engine.wire.log_details import log_details
from engine.wire.query import Filters
from engine.wire.text import name_pattern
from engine.wire.times import ZERO, timestamp

KNOWN: Final = ("id", "label", "name")

Condition = Callable[[KeptLog], bool]


class _Facts(msgspec.Struct, rename="camel"):
    id: str
    name: str
    image: str
    labels: dict[str, str]
    created: str
    started: str
    finished: str
    removed: str
    exit_code: int
    oom_killed: bool
    tty: bool
    details: str
    image_id: str = msgspec.field(name="imageID")


def kept_log_of(container: Container, *, removed_at: datetime) -> KeptLog:
    return KeptLog(
        container_id=container.id,
        name=container.name,
        image_name=container.spec.image_name,
        image_id=str(container.spec.image_id),
        labels=container.spec.labels,
        created_at=container.created_at,
        started_at=container.started_at,
        finished_at=container.finished_at,
        removed_at=removed_at,
        exit_code=container.exit_code,
        oom_killed=container.oom_killed,
        tty=container.spec.tty,
        details=log_details(container).decode(),
    )


def encode_facts(kept: KeptLog) -> bytes:
    """For the disk."""
    return msgspec.json.encode({**_members(kept), "details": kept.details})


def decode_facts(data: bytes) -> KeptLog:
    """Raises Invalid for what ``encode_facts`` never made, torn files among it."""
    facts = decode(parse_object(data), _Facts)
    return KeptLog(
        container_id=facts.id,
        name=facts.name,
        image_name=facts.image,
        image_id=facts.image_id,
        labels=facts.labels,
        created_at=_moment(facts.created),
        started_at=_find_moment(facts.started),
        finished_at=_find_moment(facts.finished),
        removed_at=_moment(facts.removed),
        exit_code=facts.exit_code,
        oom_killed=facts.oom_killed,
        tty=facts.tty,
        details=facts.details,
    )


def encode_kept_log(kept: KeptLog) -> dict[str, Any]:
    """For a client."""
    return {**_members(kept), "bytes": kept.size_bytes}


def kept_log_condition(filters: Filters) -> Condition:
    """``id``, ``label`` and ``name`` as ``GET /containers/json`` takes them. Raises Invalid."""
    conditions = list(_conditions(filters))
    return lambda kept: all(condition(kept) for condition in conditions)


def _conditions(filters: Filters) -> Iterator[Condition]:
    if "id" in filters:
        yield lambda kept: any(kept.container_id.startswith(text) for text in filters.get("id"))
    if "label" in filters:
        yield lambda kept: filters.match_labels(kept.labels)
    if "name" in filters:
        patterns = [name_pattern(text) for text in filters.get("name")]
        yield lambda kept: any(pattern.search(f"/{kept.name}") or pattern.search(kept.name) for pattern in patterns)


def _members(kept: KeptLog) -> dict[str, Any]:
    return {
        "id": kept.container_id,
        "name": kept.name,
        "image": kept.image_name,
        "imageID": kept.image_id,
        "labels": dict(kept.labels),
        "created": timestamp(kept.created_at),
        "started": timestamp(kept.started_at),
        "finished": timestamp(kept.finished_at),
        "removed": timestamp(kept.removed_at),
        "exitCode": kept.exit_code,
        "oomKilled": kept.oom_killed,
        "tty": kept.tty,
    }


def _find_moment(text: str) -> datetime | None:
    return None if text == ZERO else _moment(text)


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"{text[:80]!r} is not an RFC 3339 time") from error
    if at.tzinfo is None:
        raise Invalid(f"{text[:80]!r} has no time zone")
    return at
