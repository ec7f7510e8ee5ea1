"""Why somebody may, or may not: each grant they hold and what it comes to for one permission on one thing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from console.access.holdings import Holding
from console.access.models import Grant
from console.access.things import Thing
from console.operations.permissions import EVERYWHERE_ONLY, OWN, Permission


class Verdict(StrEnum):
    GIVES = "gives"
    # the weaker permission, and it is their own
    GIVES_OWN = "gives-own"
    ELSEWHERE = "elsewhere"
    NOT_IN_ROLE = "not-in-role"
    ONLY_EVERYWHERE = "only-everywhere"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Step:
    grant: Grant
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """``is_disabled``: then no grant gives anything. ``hidden`` grants are in scopes the asker may not look into."""

    steps: list[Step]
    allowed: bool
    is_disabled: bool = False
    hidden: int = 0
    # names of people who could grant it
    grantors: tuple[str, ...] = ()


def explain(
    permission: Permission, thing: Thing, grants: Iterable[Grant], *, user_pk: int, now: datetime
) -> list[Step]:
    """A step for each grant, those that give it first."""
    steps = [Step(grant, _verdict(permission, thing, grant, user_pk=user_pk, now=now)) for grant in grants]
    return sorted(steps, key=lambda step: list(Verdict).index(step.verdict))


def gives(steps: Iterable[Step]) -> bool:
    return any(step.verdict in (Verdict.GIVES, Verdict.GIVES_OWN) for step in steps)


def _verdict(permission: Permission, thing: Thing, grant: Grant, *, user_pk: int, now: datetime) -> Verdict:
    if not grant.is_in_force(now):
        return Verdict.OVER
    own = OWN.get(permission) if thing.owner_pk == user_pk else None
    held = grant.permissions
    if permission not in held and own not in held:
        return Verdict.NOT_IN_ROLE
    if permission in EVERYWHERE_ONLY and grant.scope != Grant.Scope.EVERYTHING:
        return Verdict.ONLY_EVERYWHERE
    if not Holding.of(grant).covers(thing.place):
        return Verdict.ELSEWHERE
    return Verdict.GIVES if permission in held else Verdict.GIVES_OWN
