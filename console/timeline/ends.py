"""How containers came to their ends, as their hosts have told."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from console.containers.models import Container
from console.timeline.events import ASKED, ASKING, PATIENCE
from console.timeline.models import Change

Kind = Change.Kind
# what an engine writes down of one start or end, and what it tells of it, are a moment apart
CLOSE = timedelta(seconds=2)


def asked_ends(rows: Iterable[Container]) -> dict[int, bool]:
    """Whether somebody asked for the end of each of these, which have ended, by primary key: by stopping it, or by a
    signal that ends programs. One of whose end nothing was told is not in it.
    """
    ended = {(row.host_id, row.engine_id): row for row in rows}
    kinds = (Kind.STARTED, Kind.DIED, Kind.STOPPED, Kind.KILLED)
    told: dict[tuple[int, str], list[Change]] = {}
    about = Change.objects.filter(
        host__in={host for host, _id in ended}, engine_id__in=[engine_id for _host, engine_id in ended], kind__in=kinds
    )
    for change in about.order_by("at", "pk"):
        told.setdefault((change.host_id, change.engine_id), []).append(change)
    found = {}
    for key, row in ended.items():
        asked = _asked(told.get(key, []), since=row.started_at)
        if asked is not None:
            found[row.pk] = asked
    return found


def _asked(changes: Iterable[Change], *, since: datetime | None) -> bool | None:
    """Of the last run. None: its end was not told."""
    own = [change for change in changes if since is None or change.at > since - CLOSE]
    died = next((change for change in reversed(own) if change.kind == Kind.DIED), None)
    if died is None:
        return None
    return any(_asks_for(change, died.at) for change in own)


def _asks_for(change: Change, ended_at: datetime) -> bool:
    if change.kind == Kind.STOPPED:
        return abs(change.at - ended_at) < ASKED
    if change.kind != Kind.KILLED or change.at > ended_at:
        return False
    name = change.details.get("signal")
    return ended_at - change.at < (ASKED if name == "SIGKILL" else PATIENCE) and name in (*ASKING, "SIGKILL")
