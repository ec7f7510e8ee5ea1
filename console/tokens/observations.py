"""What using a token shows: when it was last used, and from where."""

from datetime import timedelta

from django.utils import timezone

from console.operations.actor import Actor
from console.operations.runner import observation
from console.tokens.models import ApiToken

EVERY = timedelta(minutes=1)


def note_use(actor: Actor, token: ApiToken) -> None:
    """Written at most once a minute, by one of all that use it at the same time."""
    now, before = timezone.now(), token.last_used_at
    if before is not None and timedelta() <= now - before < EVERY:
        return
    with observation(actor):
        same = ApiToken.objects.filter(pk=token.pk, last_used_at=before)
        same.update(last_used_at=now, last_used_from=actor.address[:64])
