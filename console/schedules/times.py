"""Cron expressions in a time zone: when they come next, and when they came last. Pure.

Times are read as Debian's cron reads them: what falls into an hour that the clock leaves out comes right after it; what
falls into one that comes twice comes once, unless it comes every hour anyway.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from django.utils.translation import gettext as _

from console.operations.errors import Invalid

LONGEST = 120
FIELDS = 5
SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}


@dataclass(frozen=True, slots=True)
class Times:
    expression: str
    zone: str

    @classmethod
    def parse(cls, expression: str, zone: str) -> Self:
        """Invalid names ``cron`` or ``time_zone``; also for what never comes, as the 30th of February."""
        if zone not in available_timezones():
            raise Invalid(_("There is no time zone “%(name)s”.") % {"name": zone[:80]}, field="time_zone")
        words = expression.strip()[:LONGEST].lower()
        fields = SHORTHANDS.get(words, words).upper().split()
        if len(fields) != FIELDS:
            raise Invalid(_("Five fields: minute, hour, day of the month, month, day of the week."), field="cron")
        times = cls(" ".join(fields), zone)
        try:
            coming = next(times._from(datetime.now(UTC)), None)
        except CronSimError as error:
            raise Invalid(
                _("“%(text)s” cannot be read: %(why)s.") % {"text": expression[:LONGEST], "why": error}, field="cron"
            ) from error
        if coming is None:
            raise Invalid(_("That never comes."), field="cron")
        return times

    def after(self, moment: datetime, *, count: int = 1) -> list[datetime]:
        """The next ``count`` times after ``moment``, in the schedule's own zone."""
        return list(islice(self._from(moment), count))

    def latest(self, until: datetime) -> datetime:
        """The last time that is not after ``until``."""
        # the arithmetic knows "before", and whole minutes only
        local = until.astimezone(ZoneInfo(self.zone))
        if local.second == local.microsecond == 0 and local == next(self._from(_just_before(local)), None):
            return local
        return next(CronSim(self.expression, local, reverse=True))

    def count(self, first: datetime, last: datetime, *, most: int) -> int:
        """How many times there are from ``first`` to ``last``, both among them; counted up to ``most``."""
        found = 0
        for moment in self._from(_just_before(first.astimezone(ZoneInfo(self.zone)))):
            if moment > last or found == most:
                break
            found += 1
        return found

    def _from(self, moment: datetime) -> Iterator[datetime]:
        return CronSim(self.expression, moment.astimezone(ZoneInfo(self.zone)))


def _just_before(moment: datetime) -> datetime:
    """A minute earlier as clocks that all agree count it."""
    return datetime.fromtimestamp(moment.timestamp() - 60, moment.tzinfo)
