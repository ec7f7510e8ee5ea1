"""API tokens: one's own, below one's account, and those of another person for an administrator."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.accounts.queries import get_user
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.policy import policy
from console.tokens.forms import TokenForm
from console.tokens.operations import make_token, revoke_token, revoke_token_of
from console.tokens.queries import own_tokens, tokens_of
from console.web.permits import require
from console.workspaces.queries import visible_workspaces


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The list, and the form for another; the text of a new one is in this answer and in no other."""
    actor = Actor.of_request(request)
    form = _form(actor, request.POST or None)
    issued = None
    if form.is_valid():
        try:
            issued = make_token(actor, **form.wanted)
        except (Invalid, Conflict) as error:
            form.blame(error)
    shown = _form(actor, None) if issued else form
    context = {
        "tokens": own_tokens(actor),
        "form": shown,
        "issued": issued,
        "api_url": request.build_absolute_uri("/api/v1/me"),
    }
    return render(request, "tokens/own.html", context, status=form.answer)


@require_POST
def revoke(request: HttpRequest, token_pk: int) -> HttpResponse:
    token = revoke_token(Actor.of_request(request), token_pk)
    messages.success(request, _("“%(name)s” is revoked.") % {"name": token.name})
    return redirect("tokens:own")


@require_safe
def of_person(request: HttpRequest, user_pk: int) -> HttpResponse:
    actor = require(request, Permission.USER_MANAGE)
    context = {"person": get_user(actor, user_pk), "tokens": tokens_of(actor, user_pk)}
    return render(request, "tokens/of_person.html", context)


@require_POST
def revoke_of_person(request: HttpRequest, user_pk: int, token_pk: int) -> HttpResponse:
    token = revoke_token_of(Actor.of_request(request), user_pk, token_pk)
    messages.success(request, _("“%(name)s” is revoked.") % {"name": token.name})
    return redirect("tokens:of_person", user_pk)


def _form(actor: Actor, data: QueryDict | None) -> TokenForm:
    access = policy().access_of(actor)
    most = settings.NARU_TOKEN_MOST_DAYS
    return TokenForm(
        data,
        workspaces=[workspace.slug for workspace in visible_workspaces(actor)],
        held=[permission for permission in Permission if access.somewhere(permission)],
        usual_days=min(settings.NARU_TOKEN_DAYS, most),
        most_days=most,
    )
