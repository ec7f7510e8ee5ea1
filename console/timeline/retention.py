"""How much is told of the past: by age, by container and by number, so that no host can fill the database."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from console.timeline import files
from console.timeline.models import Capsule, Change
from console.timeline.observations import forget_capsules, forget_changes

PER_THING = 2000
IN_ALL = 300_000
BATCH = 500


def tidy(*, per_thing: int = PER_THING, in_all: int = IN_ALL) -> int:
    """Returns how many changes went. Safe to be killed at any point."""
    gone = 0
    for pks in _due(per_thing, in_all):
        forget_changes(pks)
        gone += len(pks)
    _tidy_capsules()
    return gone


def _due(per_thing: int, in_all: int) -> Iterator[list[int]]:
    limit = timezone.now() - timedelta(days=settings.NARU_TIMELINE_DAYS)
    while old := list(Change.objects.filter(at__lt=limit).values_list("pk", flat=True)[:BATCH]):
        yield old
    things = Change.objects.order_by().values("host_id", "engine_id").annotate(count=Count("pk"))
    for thing in things.filter(count__gt=per_thing):
        mine = Change.objects.filter(host_id=thing["host_id"], engine_id=thing["engine_id"])
        while more := list(mine.values_list("pk", flat=True)[per_thing : per_thing + BATCH]):
            yield more
    while more := list(Change.objects.values_list("pk", flat=True)[in_all : in_all + BATCH]):
        yield more


def _tidy_capsules() -> None:
    """What is older than ``NARU_CRASH_DAYS``, and files that no row names."""
    limit = timezone.now() - timedelta(days=settings.NARU_CRASH_DAYS)
    while old := list(Capsule.objects.filter(at__lt=limit).values_list("pk", flat=True)[:BATCH]):
        forget_capsules(old)
    lying = list(files.old_numbers())
    for start in range(0, len(lying), BATCH):
        part = lying[start : start + BATCH]
        known = set(Capsule.objects.filter(pk__in=part).values_list("pk", flat=True))
        files.remove(number for number in part if number not in known)
