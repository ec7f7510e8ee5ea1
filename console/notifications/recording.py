"""Writing down what happened (setting ``NARU_NOTIFIER``): in the transaction of what happened, and told once.

The row is the outbox: the worker makes deliveries of it, whenever it comes to that.
"""

import re
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from console.jobs import sending
from console.notifications.models import Event
from console.operations.happenings import Happening
from console.operations.runner import publish_on_commit

# the same about the same thing counts up instead
WINDOW = timedelta(minutes=10)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MOST_DETAIL = 500


def record(happening: Happening) -> None:
    now = timezone.now()
    if happening.once and Event.objects.filter(once_key=happening.once[:200]).exists():
        return
    key = f"{happening.kind}|{happening.about}"[:200]
    if _counted(key, now):
        return
    # the window of an earlier one is over
    Event.objects.filter(open_key=key).update(open_key=None)
    event = _event_of(happening, key)
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError:
        # another process was told the same just now
        _counted(key, now)
        return
    transaction.on_commit(sending.ring_notifications)


def _counted(key: str, now: object) -> bool:
    since = timezone.now() - WINDOW
    counted = Event.objects.filter(open_key=key, first_at__gt=since).update(count=F("count") + 1, last_at=now)
    if counted:
        publish_on_commit("rows.notes")
    return bool(counted)


def _event_of(happening: Happening, key: str) -> Event:
    place = happening.place
    return Event(
        kind=happening.kind.value,
        about=happening.about[:160],
        name=_plain(happening.name)[:255],
        workspace_id=place.workspace_pk,
        host_id=place.host_pk,
        labels=dict(place.labels),
        user_id=happening.user_pk,
        details={name: _detail(value) for name, value in happening.details.items()},
        link=happening.link[:300],
        open_key=key,
        once_key=happening.once[:200] or None,
    )


def _detail(value: object) -> object:
    return value if isinstance(value, int) or value is None else _plain(str(value))[:_MOST_DETAIL]


def _plain(text: str) -> str:
    """One line of text: names and reasons come from hosts, and go into mail headers and terminals."""
    return " ".join(_CONTROL.sub(" ", text.encode(errors="replace").decode()).split())
