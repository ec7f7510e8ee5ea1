from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.secrets import operations
from console.secrets.forms import SecretForm, ValueForm
from console.secrets.models import Secret
from console.secrets.queries import get_secret, visible_secrets
from console.secrets.uses import uses_of
from console.web.permits import require
from console.web.rendering import go_to, page_or_part
from console.web.tables import table_of
from console.workspaces.queries import choice_of, workspaces_for

SORTABLE = {"name": "name", "workspace": "workspace__slug", "changed": "changed_at"}


@require_safe
def secrets(request: HttpRequest) -> HttpResponse:
    return _list(request, None)


@sensitive_post_parameters("secret_value")
@require_POST
def new(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    form = SecretForm(request.POST, workspaces=_workspaces(actor))
    if form.is_valid():
        given = dict(form.cleaned_data)
        try:
            made = operations.create_secret(
                actor, given["workspace"], name=given["name"], note=given["note"], value=given["secret_value"]
            )
        except (Invalid, Conflict) as error:
            form.blame(error)
            form.status = error.status
        else:
            messages.success(request, _("“%(name)s” is kept.") % {"name": made.name})
            return redirect("secrets:secret", made.workspace.slug, made.name)
    return _list(request, form)


@sensitive_post_parameters("secret_value")
@require_http_methods(["GET", "HEAD", "POST"])
def secret(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Posted to, it is a new version."""
    actor = require(request, Permission.SECRET_VIEW)
    found = get_secret(actor, slug, name)
    form = ValueForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            version = operations.set_secret(actor, slug, name, value=form.cleaned_data["secret_value"])
        except Invalid as error:
            form.blame(error)
        else:
            messages.success(request, _("Version %(n)d is used from now on.") % {"n": version.number})
            return redirect("secrets:secret", slug, name)
    return render(request, "secrets/secret.html", _context(actor, found, form), status=form.answer)


@never_cache
@require_POST
def reveal(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    actor = require(request, Permission.SECRET_VIEW)
    found = get_secret(actor, slug, name)
    number = request.POST.get("version", "")
    version = int(number) if number.isdecimal() and len(number) < 9 else None
    value = operations.reveal_secret(actor, slug, name, version=version)
    context = {**_context(actor, found, ValueForm()), "value": value, "shown": version or found.newest.number}
    return render(request, "secrets/secret.html", context)


@require_POST
def remove(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    actor = require(request, Permission.SECRET_VIEW)
    operations.remove_secret(actor, slug, name)
    messages.success(request, _("“%(name)s” is removed.") % {"name": name})
    return go_to(request, "/secrets/")


def _context(actor: Actor, found: Secret, form: ValueForm) -> dict[str, object]:
    return {"secret": found, "form": form, "versions": found.shown_versions, "uses": uses_of(actor, found)}


def _list(request: HttpRequest, form: SecretForm | None) -> HttpResponse:
    actor = require(request, Permission.SECRET_VIEW)
    chosen = request.GET.get("workspace", "")[:40]
    table = table_of(request, visible_secrets(actor, workspace=chosen), sortable=SORTABLE, default="name")
    form = form or SecretForm(workspaces=_workspaces(actor), initial={"workspace": chosen})
    context = {"table": table, "form": form, "choice": choice_of(actor, chosen)}
    response = page_or_part(request, "secrets/list.html", "secrets/_rows.html", context)
    response.status_code = form.answer
    return response


def _workspaces(actor: Actor) -> list[str]:
    return [workspace.slug for workspace in workspaces_for(actor, Permission.SECRET_MANAGE)]
