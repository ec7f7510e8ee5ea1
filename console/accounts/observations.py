"""What browsers show by coming: where somebody is signed in, and when they were last seen there."""

from django.contrib.sessions.models import Session
from django.utils import timezone

from console.accounts.models import BrowserSession
from console.operations.actor import Actor
from console.operations.runner import observation


def note_session(actor: Actor, *, key: str, user_agent: str, method: str = "") -> None:
    """``key`` is the session of ``actor``. With ``method`` it has just begun; else how it began stays as it is known.

    Rows of sessions whose time is over go when another begins.
    """
    facts = {"user_id": actor.user_pk, "address": actor.address[:64], "user_agent": user_agent[:300]}
    if method:
        facts["method"] = method
    with observation(actor):
        if method:
            alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
            BrowserSession.objects.filter(user_id=actor.user_pk or 0).exclude(key__in=alive).delete()
        BrowserSession.objects.update_or_create(key=key, defaults={**facts, "seen_at": timezone.now()})


def move_session(actor: Actor, *, old_key: str, new_key: str) -> None:
    """The framework gave the same session a new key."""
    with observation(actor):
        BrowserSession.objects.filter(key=old_key, user_id=actor.user_pk or 0).update(key=new_key)
