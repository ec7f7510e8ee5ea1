"""Answers that are a page, or the part of it that htmx asked for, or the news that an action became a job."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def page_or_part(request: HttpRequest, page: str, part: str, context: Mapping[str, Any]) -> HttpResponse:
    """``part`` is a fragment that ``page`` includes; one URL serves both."""
    response = render(request, part if is_htmx(request) else page, dict(context))
    patch_vary_headers(response, ["HX-Request"])
    return response


def job_answer(request: HttpRequest, *, number: int, title: str, link: str) -> HttpResponse:
    """The action was accepted and is job ``number`` now: a toast for scripts, the job's page for everyone else."""
    if not is_htmx(request):
        return redirect(link)
    words = {"title": title, "link_text": _("Job %(number)d") % {"number": number}, "link": link}
    response = render(request, "web/_toast.html", {"tone": "good", **words})
    response["HX-Trigger"] = json.dumps({"naru:job": {"number": number}})
    return response


def go_to(request: HttpRequest, link: str) -> HttpResponse:
    """Leave for another page; htmx needs a header where browsers follow a redirect."""
    if not is_htmx(request):
        return redirect(link)
    response = HttpResponse(status=204)
    response["HX-Redirect"] = link
    return response
