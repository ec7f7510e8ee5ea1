"""What belongs to no app: the theme a person chose, and the command palette."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.web.context import THEME_COOKIE, THEMES
from console.web.hits import hits_for

A_YEAR_S = 365 * 24 * 3600


@never_cache
@require_safe
def palette(request: HttpRequest) -> HttpResponse:
    """What is found for ``?q=``, of what the person may see and do."""
    hits = hits_for(Actor.of_request(request), request.GET.get("q", ""))
    return render(request, "web/_palette_hits.html", {"hits": hits})


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember dark or light. A cookie, so that the server draws the right one at once."""
    wanted = request.POST.get("theme", "")
    if wanted not in THEMES:
        raise Invalid(f"theme must be one of {', '.join(THEMES)}")
    following = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(following, {request.get_host()}, require_https=request.is_secure())
    response = redirect(following) if safe else HttpResponse(status=204)
    response.set_cookie(THEME_COOKIE, wanted, max_age=A_YEAR_S, samesite="Lax", secure=request.is_secure())
    return response
