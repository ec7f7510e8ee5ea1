"""Pages for what goes wrong before or outside an operation. Errors of operations come from operations.middleware;
both are drawn by the same ``templates/errors/<status>.html``.
"""

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

log = structlog.get_logger(__name__)


def error_page(request: HttpRequest, status: int, message: str = "") -> HttpResponse:
    facts = {"status": status, "message": message, "correlation_id": request.META.get("naru.correlation_id", "")}
    return render(request, f"errors/{status}.html", facts, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    return error_page(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 403, str(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    return error_page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return error_page(request, 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    log.info("csrf check refused", path=request.path, reason=reason)
    return error_page(request, 403, _("The form is too old or came from another site. Reload the page and try again."))
