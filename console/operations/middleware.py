"""The HTTP door: our errors become pages (``errors/<status>.html``) or JSON, and each request gets a correlation id."""

import secrets
from collections.abc import Callable
from typing import Any, cast

import structlog
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from console.operations.errors import ConsoleError, Denied, Unavailable, Unconfirmed
from console.operations.policy import looked_up_once

log = structlog.get_logger(__name__)


class CorrelationMiddleware:
    """Give the request an id that its log lines, its error page and its ``X-Request-ID`` share."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        correlation_id = secrets.token_hex(6)
        request.META["naru.correlation_id"] = correlation_id
        with structlog.contextvars.bound_contextvars(request=correlation_id):
            response = self.get_response(request)
        response["X-Request-ID"] = correlation_id
        return response


class OneLookMiddleware:
    """What an actor holds is looked up once for a request that only reads."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        with looked_up_once():
            return self.get_response(request)


class ErrorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, OperationalError):
            log.error("database does not answer", exc_info=exception)
            exception = Unavailable(_("The database does not answer. Nothing was changed."))
        if not isinstance(exception, ConsoleError):
            return None
        if isinstance(exception, Unconfirmed) and not wants_json(request):
            return ask_to_confirm(request)
        return error_response(request, exception)


def error_response(request: HttpRequest, error: ConsoleError) -> HttpResponse:
    facts: dict[str, Any] = {
        "status": error.status,
        "error": error.word,
        "message": str(error),
        "field": getattr(error, "field", ""),
        "permission": error.permission if isinstance(error, Denied) else None,
        "correlation_id": request.META.get("naru.correlation_id", ""),
    }
    response = (
        JsonResponse(facts, status=error.status)
        if wants_json(request)
        else render(request, f"errors/{error.status}.html", facts, status=error.status)
    )
    if isinstance(error, Unavailable):
        response["Retry-After"] = str(error.retry_after_s)
    return response


def ask_to_confirm(request: HttpRequest) -> HttpResponse:
    """A page or a dialog that asks for a proof and then goes on with this request."""
    door = cast("Callable[[HttpRequest], HttpResponse]", import_string(settings.NARU_CONFIRMATION))
    return door(request)


def wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"
