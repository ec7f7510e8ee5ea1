"""Making room, and taking images out of quarantine. Each becomes a job on the host."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from console.jobs.models import Job
from console.jobs.operations import add_job, asking_for, require_idle
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.runner import operation
from console.prune.keeping import kept_images
from console.prune.models import Quarantined
from console.prune.planning import Kind
from console.prune.queries import get_prunable, get_quarantined

MOST_ITEMS = 5000
LONGEST_KEY = 300
MOST_DAYS = 3650
LEAST_HELD_DAYS, MOST_HELD_DAYS = 1, 90
HELD_DAYS = 7
OLDER_DAYS = 30


def prune_host(
    actor: Actor, host_name: str, *, items: Sequence[str], older_than_days: int, held_days: int = HELD_DAYS
) -> Job:
    """Have these things go, each ``kind:key`` as the plan has them. The host plans anew: what is used by then stays.

    Images are held for ``held_days`` before they go. Needs host.prune over the host and a recent proof of who asks.
    Invalid names ``items``, ``older_than_days`` or ``held_days``.
    """
    host = get_prunable(actor, host_name)
    about: dict[str, Any] = {"items": len(items), "older_than_days": older_than_days, "held_days": held_days}
    with operation(actor, Permission.HOST_PRUNE, on=host, **about) as op:
        wanted = _checked(items)
        if not 0 <= older_than_days <= MOST_DAYS:
            raise Invalid(_("Days: a number from 0 to 3650."), field="older_than_days")
        if not LEAST_HELD_DAYS <= held_days <= MOST_HELD_DAYS:
            raise Invalid(_("Images are held for 1 to 90 days."), field="held_days")
        require_idle(host)
        args = {"items": wanted, "older_than_days": older_than_days, "held_days": held_days}
        args |= {"released": sorted(kept_images(host))}
        return add_job(op, "host.prune", host=host, workspace=None, args=args, on=host)


def restore_image(actor: Actor, host_name: str, engine_id: str) -> Job:
    """Give it its names again, those that no other image has by now. Needs host.prune."""
    held = get_quarantined(actor, host_name, engine_id)
    with operation(actor, Permission.HOST_PRUNE, on=held, host=held.host.name) as op:
        require_idle(held)
        args = {"engine_id": held.engine_id, "references": held.references}
        return add_job(op, "quarantine.restore", host=held.host, workspace=None, args=args, on=held)


def remove_held(actor: Actor, host_name: str, engine_id: str) -> Job:
    """Have it go before its time. Needs host.prune."""
    held = get_quarantined(actor, host_name, engine_id)
    with operation(actor, Permission.HOST_PRUNE, on=held, host=held.host.name) as op:
        require_idle(held)
        return add_job(op, "quarantine.remove", host=held.host, workspace=None, args=_going(held), on=held)


def remove_due(now: datetime) -> int:
    """Have those go whose time is over: at most one job a day for each. Returns how many. The system's own."""
    asked = 0
    for held in Quarantined.objects.select_related("host").filter(until__lte=now):
        try:
            with (
                asking_for(f"quarantine:{held.pk}:{now:%Y-%m-%d}", because=_("its time in quarantine is over")),
                operation(Actor.system("quarantine"), Permission.HOST_PRUNE, on=held, host=held.host.name) as op,
            ):
                require_idle(held)
                add_job(op, "quarantine.remove", host=held.host, workspace=None, args=_going(held), on=held)
        except Conflict:
            # asked for today, or at work
            continue
        asked += 1
    return asked


def _going(held: Quarantined) -> dict[str, Any]:
    return {"engine_id": held.engine_id, "references": held.references}


def _checked(items: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(items))
    if not wanted:
        raise Invalid(_("Choose what should go."), field="items")
    if len(wanted) > MOST_ITEMS:
        raise Invalid(_("At most 5000 things at once."), field="items")
    for token in wanted:
        kind, colon, key = token.partition(":")
        if kind not in set(Kind) or not colon or not key or len(key) > LONGEST_KEY or not key.isprintable():
            raise Invalid(_("“%(name)s” is nothing that could go.") % {"name": token[:80]}, field="items")
    return wanted
