"""Ending sessions: the row that shows one, and the framework's session it stands for."""

from importlib import import_module

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session

from console.accounts.models import BrowserSession, User
from console.operations.runner import publish_on_commit


def end_session(session: BrowserSession) -> None:
    """Inside an operation. Its open sockets look again at once whether they may go on."""
    import_module(settings.SESSION_ENGINE).SessionStore(session.key).delete()
    session.delete()
    publish_on_commit("access", {"user_pk": session.user_id})


def end_sessions(user: User, *, but: str = "") -> int:
    """All of the person's but the one with that key, inside an operation; how many there were.

    Every session is looked into, since one that was begun before there were rows of them has none.
    """
    BrowserSession.objects.filter(user=user).exclude(key=but).delete()
    theirs = [s.pk for s in Session.objects.exclude(pk=but) if s.get_decoded().get(SESSION_KEY) == str(user.pk)]
    Session.objects.filter(pk__in=theirs).delete()
    publish_on_commit("access", {"user_pk": user.pk})
    return len(theirs)
