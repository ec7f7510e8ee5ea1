"""What people may want to be told of: said where it is found, inside the operation or observation that writes it down.

The answer comes from the function named by ``NARU_NOTIFIER`` (console.notifications), so no app here is imported. What
is said is in the database together with what happened, or not at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from django.conf import settings
from django.utils.module_loading import import_string

from console.operations.permissions import Permission
from console.operations.policy import NOWHERE, Place


class EventKind(StrEnum):
    JOB_FAILED = "job.failed"
    CONTAINER_CRASHED = "container.crashed"
    CONTAINER_OOM = "container.oom"
    CONTAINER_UNHEALTHY = "container.unhealthy"
    HOST_LOST = "host.lost"
    HOST_BACK = "host.back"
    AUDIT_BROKEN = "audit.broken"
    GRANT_ENDING = "grant.ending"
    STACKS_HELD = "stacks.held"


# what it takes to be told: to see the thing itself
SEEN_WITH: Mapping[EventKind, Permission] = {
    EventKind.JOB_FAILED: Permission.JOB_VIEW,
    EventKind.CONTAINER_CRASHED: Permission.CONTAINER_VIEW,
    EventKind.CONTAINER_OOM: Permission.CONTAINER_VIEW,
    EventKind.CONTAINER_UNHEALTHY: Permission.CONTAINER_VIEW,
    EventKind.HOST_LOST: Permission.HOST_VIEW,
    EventKind.HOST_BACK: Permission.HOST_VIEW,
    EventKind.AUDIT_BROKEN: Permission.AUDIT_VIEW,
    EventKind.GRANT_ENDING: Permission.GRANT_VIEW,
    EventKind.STACKS_HELD: Permission.HOST_VIEW,
}


@dataclass(frozen=True, slots=True)
class Happening:
    """``about`` is the thing as a stable word ("container:17") and its name; the same kind about the same thing within
    minutes is told once, with a count. ``details`` fill the kind's sentence, so no secret is among them.

    ``link`` is a path of the console. ``user_pk`` is whom it concerns, who is told whatever rules say. ``once``: of
    those with the same word only the first is ever told.
    """

    kind: EventKind
    about: str
    name: str
    place: Place = NOWHERE
    details: Mapping[str, Any] = field(default_factory=dict)
    link: str = ""
    user_pk: int | None = None
    once: str = ""


def happened(happening: Happening) -> None:
    """Inside an operation or an observation only."""
    cast("Callable[[Happening], None]", import_string(settings.NARU_NOTIFIER))(happening)
