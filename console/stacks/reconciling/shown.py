"""A stack's situation as pages show it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from console.stacks.models import Restoration, Stack
from console.stacks.reconciling.deciding import CHOICES, Decision, Trouble, Why
from console.stacks.reconciling.noticing import Situation, situation_of
from console.stacks.reconciling.words import state_of, told, verdict

LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Line:
    """One place that is not as it should be: what is wrong there, and what is done about it."""

    service: str
    number: int
    name: str
    what: str
    then: str


def lines_of(situation: Situation) -> list[Line]:
    decisions = {one.trouble.spot: one for one in situation.decisions}
    found = [_line(one, decisions.get(one.spot)) for one in situation.found.troubles]
    found += [
        Line(one.service, one.number, one.name, _("was stopped"), _("left alone: somebody wants it so"))
        for one in situation.found.stopped
    ]
    return sorted(found, key=lambda one: (one.service, one.number))


def _line(trouble: Trouble, decision: Decision | None) -> Line:
    return Line(trouble.service, trouble.number, trouble.name, told(trouble), verdict(decision))


@dataclass(frozen=True, slots=True)
class Summary:
    """For the stack's page: ``state`` of all of it, ``lines`` of what is wrong, how often it was mended lately."""

    state: str
    lines: list[Line]
    lately: int
    last: Restoration | None
    policy: str


def summary_of(stack: Stack, *, now: datetime | None = None) -> Summary:
    now = now or timezone.now()
    situation = situation_of(stack, now=now)
    lately = stack.restorations.filter(at__gt=now - LATELY).count()
    last = stack.restorations.select_related("job").first() if lately else None
    return Summary(state_of(situation), lines_of(situation), lately, last, policy_of(stack))


def policy_of(stack: Stack) -> str:
    """What is replaced by itself, in one line."""
    words = {Why.DEAD: _("what dies"), Why.UNHEALTHY: _("what is unhealthy"), Why.DRIFTED: _("what drifts")}
    chosen = [words[choice] for choice in CHOICES if choice in stack.restores]
    if not chosen:
        return _("Nothing is replaced by itself.")
    return _("Replaced by a fresh container: %(what)s.") % {"what": ", ".join(chosen)}
