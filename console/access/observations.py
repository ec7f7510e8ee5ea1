"""Grants that are about to end, found by looking."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from console.access.models import Grant
from console.operations.actor import Actor
from console.operations.happenings import EventKind, Happening, happened
from console.operations.runner import observation

AHEAD = timedelta(days=1)


def tell_ending_grants() -> None:
    """Once for each, a day ahead, or as soon as it is given for less than a day."""
    now = timezone.now()
    ending = Grant.objects.filter(Q(until__gt=now) & Q(until__lte=now + AHEAD))
    for grant in ending.select_related("user", "team", "custom_role", "workspace", "host"):
        assert grant.until is not None
        details = {"role": grant.role_name, "holder": grant.holder_name, "scope": grant.scope_name}
        with observation(Actor.system("access")):
            happened(
                Happening(
                    EventKind.GRANT_ENDING,
                    about=f"grant:{grant.pk}",
                    name=grant.holder_name,
                    place=grant.place,
                    details={**details, "until": f"{grant.until:%Y-%m-%d %H:%M} UTC"},
                    link="/grants/",
                    user_pk=grant.user_id,
                    once=f"grant.ending|{grant.pk}|{grant.until.isoformat()}",
                )
            )
