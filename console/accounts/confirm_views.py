"""Step-up at the HTTP door (setting ``NARU_CONFIRMATION``): ask for a proof, then go on with what was wanted.

A script's request is answered by a dialog and sent again by the script. Any other gets a page that carries what was
asked in its form and, after the proof, sends it once more. Nothing of it is stored, and secrets are not carried.
"""

import json
from dataclasses import dataclass
from typing import Any, Self

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from console.accounts.entering import note_confirmed, origin_of, safe_next
from console.accounts.factors import Proof, factors_of
from console.accounts.forms import ConfirmForm, CredentialForm
from console.accounts.models import User
from console.accounts.operations import confirm as confirm_person
from console.accounts.passkeys import why_impossible
from console.accounts.providers import providers
from console.operations.actor import Actor
from console.operations.errors import Denied
from console.web.rendering import is_htmx

NOT_CARRIED = {"csrfmiddlewaretoken", "password", "current", "new", "again", "code", "credential", "secret_value"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to be made again: by GET of ``path`` when ``fields`` is None, else by POST."""

    path: str
    fields: dict[str, list[str]] | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        if request.method in ("GET", "HEAD"):
            return cls(request.get_full_path())
        fields = {name: request.POST.getlist(name) for name in request.POST}
        if request.FILES or fields.keys() & (NOT_CARRIED - {"csrfmiddlewaretoken"}):
            # the person fills the form in again
            return cls(request.headers.get("Referer", "/"))
        return cls(
            request.get_full_path(), {name: values for name, values in fields.items() if name not in NOT_CARRIED}
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """From our own page, whose form only the person can send: it may say whatever they may ask anyway."""
        try:
            path, fields = json.loads(text)
            carried = None if fields is None else {str(k): [str(v) for v in values] for k, values in fields.items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            return cls("/")
        return cls(str(path), carried)

    def encoded(self) -> str:
        return json.dumps([self.path, self.fields])

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(name, value) for name, values in (self.fields or {}).items() for value in values]


def ask(request: HttpRequest) -> HttpResponse:
    """The answer to a request that the runner wants confirmed."""
    return _page(request, ConfirmForm(), Asked.of(request))


@never_cache
@sensitive_post_parameters("password", "code")
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    asked = Asked.parse(request.POST.get("asked", ""))
    form = ConfirmForm(request.POST)
    try:
        confirm_person(Actor.of_request(request), _proof(request, form), origin=origin_of(request))
    except Denied as error:
        form.errors.clear()
        form.add_error(None, str(error))
        return _page(request, form, asked)
    note_confirmed(request)
    if is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"naru:confirmed": {}})})
    path = safe_next(request, asked.path)
    if asked.fields is None or path != asked.path:
        return redirect(path)
    return render(request, "accounts/confirmed.html", {"asked": asked})


def _proof(request: HttpRequest, form: ConfirmForm) -> Proof:
    form.is_valid()
    given: dict[str, Any] = {name: form.cleaned_data.get(name) or "" for name in ("password", "code")}
    answer = CredentialForm(request.POST)
    return Proof(**given, credential=answer.cleaned_data["credential"] if answer.is_valid() else None)


def _page(request: HttpRequest, form: ConfirmForm, asked: Asked) -> HttpResponse:
    user = request.user
    found = factors_of(user) if isinstance(user, User) else None
    for field in form.fields.values():
        # none is "optional" to the eye
        field.required = True
    linked = {i.issuer for i in user.identities.all()} if isinstance(user, User) else set()
    context = {
        "form": form,
        "asked": asked.encoded(),
        "back": safe_next(request, asked.path if asked.fields is None else request.headers.get("Referer", "/")),
        "factors": found,
        "passkeys_work": not why_impossible(request.get_host(), is_secure=request.is_secure()),
        "providers": [provider for provider in providers() if provider.issuer in linked],
    }
    if not is_htmx(request):
        return render(request, "accounts/confirm.html", context, status=403)
    response = render(request, "accounts/_confirm_dialog.html", context, status=403)
    response["HX-Trigger"] = json.dumps({"naru:unconfirmed": {}})
    return response
