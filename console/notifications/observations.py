"""What the worker does of itself: makes deliveries and notes of events, notes how deliveries went, forgets old ones."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth import get_user_model
from django.db.models import F, Q
from django.utils import timezone

from console.notifications.matching import rules_for, silence_of
from console.notifications.models import Delivery, Event, Note, Rule, Silence
from console.notifications.queries import own_notes
from console.operations.actor import Actor
from console.operations.happenings import SEEN_WITH, EventKind
from console.operations.policy import policy
from console.operations.runner import observation, publish_on_commit

SYSTEM: Final = Actor.system("notifications")
# after each failure; after the last there is no other try
BACK_OFF: Final = tuple(timedelta(seconds=s) for s in (10, 30, 120, 600, 1800, 7200, 21600))
# longer than sending takes at most
LEASE: Final = timedelta(seconds=90)
MOST_EVENTS: Final = 200
KEPT: Final = timedelta(days=90)


def handle_events() -> int:
    """Make of each event that waits what rules want. Returns how many.

    Cut short anywhere, nothing is lost or doubled.
    """
    waiting = list(Event.objects.filter(handled_at=None).order_by("pk").values_list("pk", flat=True)[:MOST_EVENTS])
    if waiting:
        rules = list(Rule.objects.filter(is_active=True).prefetch_related("channels"))
        silences = list(Silence.objects.filter(until__gt=timezone.now()))
        for pk in waiting:
            _handle(pk, rules, silences)
    return len(waiting)


def _handle(pk: int, rules: Iterable[Rule], silences: Iterable[Silence]) -> None:
    with observation(SYSTEM):
        event = Event.objects.select_for_update().filter(pk=pk, handled_at=None).first()
        if event is None:
            return
        wanted, silenced = [], None
        for rule in rules_for(event, rules):
            if silence := silence_of(event, rule, silences):
                silenced = silence
            else:
                wanted.append(rule)
        for rule in wanted:
            _deliver_by(event, rule)
        _note_for(event, everybody=any(rule.tells_people for rule in wanted))
        event.handled_at = timezone.now()
        event.silenced_by = silenced.reason if silenced is not None and not wanted else ""
        event.save(update_fields=["handled_at", "silenced_by"])


def _deliver_by(event: Event, rule: Rule) -> None:
    for channel in rule.channels.all():
        if channel.is_active:
            Delivery.objects.get_or_create(event=event, channel=channel, defaults={"rule": rule})
            publish_on_commit("rows.deliveries")


def _note_for(event: Event, *, everybody: bool) -> None:
    """In the lists of whom it concerns, and of everybody who may see the thing where a rule says so."""
    users = get_user_model().objects.filter(is_active=True)
    pks = set(users.filter(pk=event.user_id).values_list("pk", flat=True)) if event.user_id else set()
    if everybody and event.kind in SEEN_WITH:
        permission = SEEN_WITH[EventKind(event.kind)]
        for user in users:
            if policy().access_of(Actor.of_user(user)).allows(permission, at=event.place):
                pks.add(user.pk)
    Note.objects.bulk_create([Note(user_id=pk, event=event) for pk in sorted(pks)])
    if pks:
        publish_on_commit("rows.notes")


def claim_due(most: int) -> list[int]:
    """Deliveries that are this worker's to send now: each claim counts as an attempt, whatever becomes of it."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    due = Delivery.objects.filter(free, state=Delivery.State.WAITING, next_at__lte=now)
    claimed = []
    for pk in list(due.order_by("next_at", "pk").values_list("pk", flat=True)[:most]):
        with observation(SYSTEM):
            mine = Delivery.objects.filter(free, pk=pk, state=Delivery.State.WAITING).update(
                leased_until=now + LEASE, attempts=F("attempts") + 1
            )
        if mine:
            claimed.append(pk)
    return claimed


def note_outcome(pk: int, *, code: int | None, error: str, took_ms: int, is_final: bool = False) -> None:
    """``error`` empty: it was taken. ``is_final``: the other side wants no more of it."""
    with observation(SYSTEM):
        delivery = Delivery.objects.select_for_update().filter(pk=pk, state=Delivery.State.WAITING).first()
        if delivery is None:
            return
        delivery.note(code=code, error=error[:500], took_ms=took_ms, keep=len(BACK_OFF) + 1)
        now = timezone.now()
        if not error:
            delivery.state, delivery.ended_at = Delivery.State.SENT, now
        elif is_final or delivery.attempts > len(BACK_OFF):
            delivery.state, delivery.ended_at = Delivery.State.DEAD, now
        else:
            delivery.next_at = now + BACK_OFF[delivery.attempts - 1]
        delivery.save()
        publish_on_commit("rows.deliveries")


def note_read(actor: Actor, *, up_to: int) -> None:
    """Of one's own list, everything up to a note: nobody else's business, so there is no audit row.

    By a token only what it is shown: what it cannot see stays new to the person.
    """
    unread = Note.objects.filter(user_id=actor.user_pk or 0, read_at=None, pk__lte=up_to)
    if actor.limits is not None:
        unread = unread.filter(pk__in=[note.pk for note in own_notes(actor, unread=True)])
    with observation(actor):
        if unread.update(read_at=timezone.now()):
            publish_on_commit("rows.notes")


def forget_old(now: datetime | None = None) -> int:
    """Events of more than 90 days ago go, with their notes and deliveries. Returns how many."""
    old = Event.objects.filter(last_at__lt=(now or timezone.now()) - KEPT).exclude(handled_at=None)
    with observation(SYSTEM):
        done = old.count()
        old.delete()
    return done
