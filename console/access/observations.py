"""Grants that are about to end, found by looking."""

from datetime import timedelta

from django.utils import timezone

from console.access.models import Grant
from console.operations.actor import Actor
from console.operations.happenings import EventKind, Happening, happened
from console.operations.runner import observation

AHEAD = timedelta(days=1)


def tell_ending_grants() -> None:
    """Once for each, a day ahead, or as soon as it is given for less than a day."""
    now = timezone.now()
    ending = Grant.objects.filter(until__gt=now, until__lte=now + AHEAD)
    grants = list(ending.select_related("user", "team", "custom_role", "workspace", "host"))
    if grants:
        with observation(Actor.system("access")):
            for grant in grants:
                happened(_ending(grant))


def _ending(grant: Grant) -> Happening:
    assert grant.until is not None
    details = {"role": grant.role_name, "holder": grant.holder_name, "scope": grant.scope_name}
    return Happening(
        EventKind.GRANT_ENDING,
        about=f"grant:{grant.pk}",
        name=grant.holder_name,
        place=grant.place,
        details={**details, "until": f"{grant.until:%Y-%m-%d %H:%M} UTC"},
        link="/grants/",
        user_pk=grant.user_id,
        once=f"grant.ending|{grant.pk}|{grant.until.isoformat()}",
    )
