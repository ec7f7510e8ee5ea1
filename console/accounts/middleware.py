"""Keeps the list of sessions true: where each was last seen, at most every five minutes.

And what a person has chosen of language and time holds for the page that is made for them.
"""

import time
from collections.abc import Callable

import structlog
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from console.accounts.entering import SEEN_AT
from console.accounts.observations import note_session
from console.accounts.settings import zone_of
from console.operations.actor import Actor

EVERY_S = 300
log = structlog.get_logger(__name__)


class SessionsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.user.is_authenticated and not 0 <= time.time() - request.session.get(SEEN_AT, 0) < EVERY_S:
            self._note(request)
        return response

    def _note(self, request: HttpRequest) -> None:
        key, agent = request.session.session_key, request.headers.get("User-Agent", "")
        if not key:
            return
        try:
            note_session(Actor.of_request(request), key=key, user_agent=agent)
        except OperationalError as error:
            # the page was made; that it was seen can be written down the next time
            log.warning("session not noted", why=str(error))
        else:
            request.session[SEEN_AT] = time.time()


class SettingsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        # of who is not signed in, the cookie or the browser have decided already
        language, zone = getattr(user, "language", ""), getattr(user, "time_zone", "")
        if language:
            translation.activate(language)
            request.LANGUAGE_CODE = language
        with timezone.override(zone_of(zone)):
            return self.get_response(request)
