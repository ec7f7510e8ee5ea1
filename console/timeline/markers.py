"""What is drawn between the lines of a log: where a container ended, was started again, or had something happen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from console.containers.models import Container
from console.containers.reasons import reason_of
from console.timeline.models import Change
from console.timeline.words import sentence_of

Kind = Change.Kind
MARKED = (Kind.STARTED, Kind.DIED, Kind.OOM, Kind.HEALTH, Kind.PAUSED, Kind.UNPAUSED, Kind.REMOVED)
MOST = 500
# an end and the start that follows so soon are one marker
AT_ONCE = timedelta(seconds=10)
# a program may have printed before its engine says that it was started
EARLY = timedelta(seconds=5)
JUST_AFTER = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Marker:
    """``at_ms`` is its place among the lines; ``tone`` is bad or plain. ``key`` stays the same, so that a page knows
    which ones it has. ``of`` names the container where several are told of: ``host/name``.
    """

    key: str
    at_ms: int
    text: str
    tone: str
    of: str = ""


def markers_of(container: Container) -> list[Marker]:
    """The latest of them, in the order of their happening. For who may read the log."""
    latest = Change.objects.filter(container=container, kind__in=MARKED)[:MOST]
    return list(_markers(list(latest)[::-1]))


def markers_of_several(containers: Sequence[Container]) -> list[Marker]:
    """As ``markers_of``, each naming its container."""
    found = []
    for container in containers:
        key = f"{container.host.name}/{container.key}"
        found += [replace(marker, of=key) for marker in markers_of(container)]
    return found


def _markers(changes: Sequence[Change]) -> Iterator[Marker]:
    ended: Change | None = None
    for index, change in enumerate(changes):
        if change.kind == Kind.DIED:
            ended = change
            if _is_started_at_once(change, changes[index + 1 :]):
                continue
            yield _marker(change, _ended(change))
        elif change.kind == Kind.STARTED and ended is not None:
            # between the two nothing is printed
            at = max(ended.at + JUST_AFTER, change.at - EARLY)
            yield _marker(change, _restarted(ended), at=at, is_bad=ended.is_trouble)
            ended = None
        elif change.kind == Kind.STARTED:
            yield _marker(change, sentence_of(change), at=change.at - EARLY)
        else:
            yield _marker(change, sentence_of(change))


def _is_started_at_once(ended: Change, later: Sequence[Change]) -> bool:
    start = next((change for change in later if change.kind == Kind.STARTED), None)
    return start is not None and start.at - ended.at <= AT_ONCE


def _ended(change: Change) -> str:
    return _("ended with exit code %(code)s (%(reason)s)") % _words(change)


def _restarted(ended: Change) -> str:
    return _("restarted with exit code %(code)s (%(reason)s)") % _words(ended)


def _words(change: Change) -> dict[str, object]:
    code = change.details.get("exit_code")
    return {"code": code, "reason": reason_of(code, is_oom=bool(change.details.get("is_oom")))}


def _marker(change: Change, text: str, *, at: datetime | None = None, is_bad: bool = False) -> Marker:
    tone = "bad" if change.is_trouble or is_bad else "plain"
    return Marker(f"{change.pk}", int((at or change.at).timestamp() * 1000), text, tone)
