"""What every request to the API goes through: who asks, what it holds, and whether it was asked before."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, cast
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import ConsoleError, Denied, Invalid
from console.rest.bodies import read_body, require_plain
from console.rest.credentials import holds_a_token
from console.rest.errors import ForeignRequest, Unauthorised
from console.rest.once import once
from console.rest.problems import problem

SAFE = ("GET", "HEAD")
_ACTOR = "naru.actor"
Run = Callable[..., HttpResponseBase]


class Bearers(Protocol):
    """Who knows tokens."""

    def actor_of(self, text: str, *, address: str, is_reading: bool) -> Actor:
        """Raises Unauthorised or TooMany."""
        ...

    def note_refusal(self, actor: Actor, error: ConsoleError, *, asked: str) -> None:
        """Put on record that ``actor``, who came with a token, was refused what no operation has recorded."""
        ...


def actor_of(request: HttpRequest) -> Actor:
    """Who asks, for handlers behind the door."""
    return cast("Actor", request.META[_ACTOR])


class Door:
    def __init__(self, bearers: Bearers) -> None:
        self.bearers = bearers

    def __call__(self, run: Run) -> Run:
        """``run`` answers one operation of ninja's, errors included."""
        operation: Any = getattr(run, "__self__", None)
        known, takes_form = _query_names(operation), _takes_form(operation)

        @wraps(run)
        def answer(request: HttpRequest, **path: Any) -> HttpResponseBase:
            try:
                require_no_token_in_address(request)
                request.META[_ACTOR] = actor = self._identify(request)
                _require_writing(request, actor)
                _require_known(request, known, path)
                if request.method not in SAFE:
                    read_body(request, takes_form=takes_form)
                return _tagged(request, _done_once(request, lambda: run(request, **path)))
            except Exception as error:  # noqa: BLE001 - whatever it was is answered in the shape that errors have here
                return cast("HttpResponseBase", operation.api.on_exception(request, error))

        return answer

    def refuse(self, request: HttpRequest, error: ConsoleError) -> HttpResponse:
        """The answer to ``error``. What a token may not is on record however it was found out."""
        actor: Actor | None = request.META.get(_ACTOR)
        if isinstance(error, Denied) and not error.on_record and actor is not None and actor.limits is not None:
            self.bearers.note_refusal(actor, error, asked=f"{request.method} {request.path}")
        return problem(request, error)

    def _identify(self, request: HttpRequest) -> Actor:
        """By the token, if one was shown, and by nothing else then; else by the browser's session."""
        shown = request.headers.get("Authorization")
        if shown is not None:
            scheme, _space, text = shown.partition(" ")
            if scheme.lower() != "bearer":
                raise Unauthorised(_("Send a token: “Authorization: Bearer naru_…”."))
            address = str(request.META.get("REMOTE_ADDR") or "")
            return self.bearers.actor_of(text.strip(), address=address, is_reading=request.method in SAFE)
        actor = Actor.of_request(request)
        if not actor.is_user:
            raise Unauthorised(_("Send a token: “Authorization: Bearer naru_…”."))
        _require_own_page(request)
        return actor


def require_no_token_in_address(request: HttpRequest) -> None:
    """Addresses are kept in histories and logs: a token that stood in one is not a secret any more."""
    if holds_a_token(unquote(request.get_full_path())):
        raise Invalid(
            _("A token stands in the address, where others may read it: revoke it, and send one in a header.")
        )


def _require_writing(request: HttpRequest, actor: Actor) -> None:
    if actor.limits is not None and actor.limits.reads_only and request.method not in SAFE:
        raise Denied(_("This token is for reading."))


def _require_own_page(request: HttpRequest) -> None:
    """A session's cookie is sent by any page: only our own pages know the CSRF token."""
    check = CsrfViewMiddleware(lambda _request: HttpResponse())
    check.process_request(request)
    if check.process_view(request, lambda _request: HttpResponse(), (), {}) is not None:
        raise ForeignRequest(_("Send the CSRF token in the header X-CSRFToken, or use an API token."))


def _done_once(request: HttpRequest, do: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    if request.method in SAFE:
        return do()
    # what changes something is never answered by a stream
    return once(request, actor_of(request), cast("Callable[[], HttpResponse]", do))


def _takes_form(operation: Any) -> bool:
    return any(model.__ninja_param_source__ in ("form", "file") for model in operation.models)


def _query_names(operation: Any) -> frozenset[str]:
    names: set[str] = set()
    for model in operation.models:
        if model.__ninja_param_source__ == "query":
            names |= set(getattr(model, "__ninja_flatten_map__", None) or model.model_fields)
    return frozenset(names)


def _require_known(request: HttpRequest, known: frozenset[str], path: dict[str, Any]) -> None:
    """A filter that was misspelt must not be taken for none."""
    for name, values in request.GET.lists():
        require_plain(name, field="query")
        if name not in known:
            raise Invalid(_("There is no parameter “%(name)s” here.") % {"name": name[:80]}, field=name[:80])
        if len(values) > 1:
            raise Invalid(_("“%(name)s” is there twice.") % {"name": name}, field=name)
        require_plain(values[0], field=name)
    for name, value in path.items():
        require_plain(str(value), field=name)


def _tagged(request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
    """Nobody between keeps it, and who has it already is told so."""
    if not answer.has_header("Cache-Control"):
        answer["Cache-Control"] = "private, no-cache"
    patch_vary_headers(answer, ["Authorization", "Cookie"])
    if request.method not in SAFE or answer.status_code != 200 or not isinstance(answer, HttpResponse):
        return answer
    tag = f'"{hashlib.sha256(answer.content).hexdigest()[:32]}"'
    if tag in [part.strip() for part in request.headers.get("If-None-Match", "").split(",")]:
        answer = HttpResponse(status=304, headers={"Cache-Control": answer["Cache-Control"], "Vary": answer["Vary"]})
    answer["ETag"] = tag
    return answer
