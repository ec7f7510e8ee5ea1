"""Django Ninja as this project uses it."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, cast

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Router
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation
from ninja.renderers import JSONRenderer
from ninja.security.base import AuthBase

from console.operations.errors import ConsoleError, Invalid, Missing, Unavailable
from console.rest.bodies import StrictParser
from console.rest.document import complete
from console.rest.door import SAFE, Bearers, Door, actor_of, require_no_token_in_address
from console.rest.errors import NotAllowed
from console.rest.problems import malformed, problem, told

View = Callable[..., HttpResponse]
Handler = Callable[[HttpRequest, Any], HttpResponse]
log = structlog.get_logger(__name__)
DESCRIPTION = """All that the pages of the console do, for programs: the same operations, permissions and audit log.

Sign in by a token (`Authorization: Bearer naru_…`, made in *Your account*), or by the session of a browser with the
CSRF token in `X-CSRFToken`. Errors are `application/problem+json`. Lists are paged by an opaque cursor. What changes
something may carry an `Idempotency-Key`."""


class _Declared(AuthBase):
    """Stands in the document; the door has found out who asks before ninja comes to it."""

    def __call__(self, request: HttpRequest) -> Any:
        return actor_of(request)


class ByToken(_Declared):
    openapi_type = "http"
    openapi_scheme = "bearer"


class BySession(_Declared):
    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = "session"


class Readable(JSONRenderer):
    """Letters as they are. Half a character, which the log of a container may hold, becomes a question mark."""

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:  # noqa: ARG002 - ninja's
        return json.dumps(data, cls=self.encoder_class, ensure_ascii=False).encode(errors="replace")


class Api(NinjaAPI):
    def __init__(self, *, bearers: Bearers, routers: Mapping[str, Router]) -> None:
        super().__init__(
            title="Naru",
            version="1",
            description=DESCRIPTION,
            docs_url=None,
            openapi_url=None,
            urls_namespace="api",
            auth=[ByToken(), BySession()],
            parser=StrictParser(),
            renderer=Readable(),
        )
        self.door = Door(bearers)
        self._document: dict[str, Any] = {}
        self._answer_errors()
        self.add_decorator(self.door, mode="view")
        for tag, router in routers.items():
            self.add_router("", router, tags=[tag])

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def document(self) -> dict[str, Any]:
        """OpenAPI 3.1. The same for everybody."""
        if not self._document:
            self._document = complete(dict(self.get_openapi_schema(path_prefix="api/v1/")))
        return self._document

    def addresses(self) -> list[URLPattern]:
        """Open to strangers, as far as Django is concerned: the door answers them in its own way."""
        patterns = cast("list[URLPattern]", self.urls[0])
        found = [self._opened(pattern) for pattern in patterns if pattern.name != "api-root"]
        nothing = _open(_nothing)
        ends = [path("", nothing, name="root"), path("<path:rest>", nothing, name="nothing")]
        return [path("openapi.json", _open(self._serve), name="openapi"), *found, *ends]

    def _opened(self, pattern: URLPattern) -> URLPattern:
        view: View = pattern.callback

        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **words: Any) -> HttpResponse:
            found = view(request, *args, **words)
            if found.status_code != 405:
                return found
            refused = problem(request, NotAllowed(_("This cannot be done to it.")))
            refused["Allow"] = found["Allow"]
            return refused

        pattern.callback = _open(answer)
        return pattern

    def _serve(self, request: HttpRequest) -> HttpResponse:
        if request.method not in SAFE:
            return problem(request, NotAllowed(_("This cannot be done to it.")))
        return JsonResponse(self.document())

    def _answer_errors(self) -> None:
        handlers: dict[type[Exception], Handler] = {
            ConsoleError: self.door.refuse,
            ValidationError: lambda request, error: malformed(request, error.errors),
            HttpError: _foreign,
            SuspiciousOperation: _unreadable,
            BadRequest: _unreadable,
            MultiPartParserError: _unreadable,
            OperationalError: _database_away,
            # the outermost loop of a request: the answer has our shape, the log the reason
            Exception: _fault,
        }
        for kind, handler in handlers.items():
            self.add_exception_handler(kind, handler)


def _open(view: View) -> View:
    """Neither sent to sign in nor asked for a form's token by Django: that is the door's affair."""

    @wraps(view)
    def opened(request: HttpRequest, *args: Any, **words: Any) -> HttpResponse:
        return view(request, *args, **words)

    return csrf_exempt(login_not_required(opened))


def _nothing(request: HttpRequest, rest: str = "") -> HttpResponse:  # noqa: ARG001 - a view's signature
    try:
        require_no_token_in_address(request)
    except ConsoleError as error:
        return problem(request, error)
    return problem(request, Missing(_("There is nothing at this address.")))


def _foreign(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Of ninja's own errors only a missing body comes here."""
    return problem(request, Invalid(str(error)))


def _unreadable(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(request, Invalid(_("The request cannot be read: %(why)s") % {"why": str(error)[:200]}))


def _database_away(request: HttpRequest, error: OperationalError) -> HttpResponse:
    log.error("database does not answer", exc_info=error)
    return problem(request, Unavailable(_("The database does not answer. Nothing was changed.")))


def _fault(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("request failed", path=request.path, exc_info=error)
    return told(request, 500, "fault", _("Something went wrong here. The log has it under the id of this request."))
