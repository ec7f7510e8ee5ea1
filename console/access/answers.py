"""The question “why not?”, asked by somebody about somebody."""

from django.utils import timezone
from django.utils.translation import gettext as _

from console.access.queries import find_user, granting, grants_held_by, visible_grants
from console.access.things import find_thing
from console.access.why import Answer, explain, gives
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.operations.permissions import Permission


def answer_why(actor: Actor, *, who: str, permission: Permission, thing: str) -> Answer:
    """Of grants in scopes that the asker may not look into, only how many there are. Invalid names a parameter."""
    found, user = find_thing(actor, thing), find_user(who)
    if user is None:
        raise Invalid(_("There is no person “%(name)s”.") % {"name": who}, field="who")
    held = list(grants_held_by(user.pk))
    seen = set(visible_grants(actor).filter(pk__in=[grant.pk for grant in held]).values_list("pk", flat=True))
    steps = explain(permission, found, held, user_pk=user.pk, now=timezone.now())
    shown = [step for step in steps if step.grant.pk in seen]
    return Answer(
        shown,
        allowed=user.is_active and gives(steps),
        is_disabled=not user.is_active,
        hidden=len(steps) - len(shown),
        grantors=tuple(granting().over(found.place, permission)),
    )
