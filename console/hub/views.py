from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.hub import operations
from console.hub.forms import NewRegistryForm, RegistryForm
from console.hub.models import Registry
from console.hub.names import full_name, repository_at, require_repository, require_tag
from console.hub.queries import client_of, get_registry, visible_registries
from console.operations.actor import Actor
from console.operations.errors import Conflict, ConsoleError, Denied, Invalid, Missing
from console.operations.permissions import Permission
from console.web.permits import require
from console.web.rendering import go_to, page_or_part
from console.web.tables import table_of
from console.workspaces.queries import choice_of, workspaces_for

SORTABLE = {"name": "name", "address": "address", "workspace": "workspace__slug"}
LONGEST = 300


@require_safe
def registries(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.REGISTRY_VIEW)
    chosen = request.GET.get("workspace", "")[:40]
    table = table_of(request, visible_registries(actor, workspace=chosen), sortable=SORTABLE, default="name")
    context = {"table": table, "choice": choice_of(actor, chosen)}
    return page_or_part(request, "hub/list.html", "hub/_rows.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    workspaces = [workspace.slug for workspace in workspaces_for(actor, Permission.REGISTRY_MANAGE)]
    form = NewRegistryForm(request.POST or None, workspaces=workspaces)
    if request.method == "POST" and form.is_valid():
        try:
            made = operations.create_registry(
                actor, form.cleaned_data["workspace"], name=form.cleaned_data["name"], given=form.given
            )
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            return redirect("hub:registry", made.workspace.slug, made.name)
    require(request, Permission.REGISTRY_MANAGE)
    return render(request, "hub/form.html", {"form": form}, status=form.answer)


@require_safe
def registry(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    found = get_registry(require(request, Permission.REGISTRY_VIEW), slug, name)
    context = {"registry": found, "text": request.GET.get("text", "")[:100], "cli": _cli(found)}
    return page_or_part(request, "hub/registry.html", "hub/_facts.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    actor = require(request, Permission.REGISTRY_VIEW)
    found = get_registry(actor, slug, name)
    form = RegistryForm(request.POST or None, initial=RegistryForm.facts_of(found))
    if request.method == "POST" and form.is_valid():
        try:
            operations.change_registry(actor, slug, name, given=form.given)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            messages.success(request, _("“%(name)s” is changed.") % {"name": name})
            return redirect("hub:registry", slug, name)
    require(request, Permission.REGISTRY_MANAGE, on=found)
    return render(request, "hub/form.html", {"form": form, "registry": found}, status=form.answer)


@require_POST
def check(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    tried = operations.check_registry(require(request, Permission.REGISTRY_VIEW), slug, name)
    if tried.trouble:
        messages.error(request, tried.trouble)
    else:
        messages.success(request, _("“%(name)s” answers and lets the console in.") % {"name": name})
    return go_to(request, reverse("hub:registry", args=[slug, name]))


@require_POST
def remove(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    operations.remove_registry(require(request, Permission.REGISTRY_VIEW), slug, name)
    messages.success(request, _("“%(name)s” is removed.") % {"name": name})
    return go_to(request, reverse("hub:list"))


# --- what the registry itself says, each a part of a page that is fetched when the page is there ---


@require_safe
def repositories(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """All, or those with ``?text=`` in their names."""
    text, after = request.GET.get("text", "")[:100].strip(), request.GET.get("after", "")[:LONGEST]

    def ask(actor: Actor, found: Registry) -> dict[str, Any]:
        client = client_of(actor, found)
        names = client.search(text) if text else client.repositories(after=after)
        return {"names": names, "text": text}

    return _part(request, slug, name, "hub/_repositories.html", ask)


@require_safe
def repository(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """One whose name is typed or chosen: ``?repository=``."""
    found = get_registry(require(request, Permission.REGISTRY_VIEW), slug, name)
    wanted = _repository(request, found)
    context = {"registry": found, "repository": wanted, "full_name": full_name(found.address, wanted)}
    return render(request, "hub/repository.html", context)


@require_safe
def tags(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    after = request.GET.get("after", "")[:LONGEST]

    def ask(actor: Actor, found: Registry) -> dict[str, Any]:
        wanted = _repository(request, found)
        names = client_of(actor, found).tags(wanted, after=after)
        pullable = [(tag, full_name(found.address, wanted, tag)) for tag in names.names]
        return {"names": names, "repository": wanted, "tags": pullable}

    return _part(request, slug, name, "hub/_tags.html", ask)


@require_safe
def image(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """What a tag is: digest, platforms, sizes, dates."""

    def ask(actor: Actor, found: Registry) -> dict[str, Any]:
        wanted, reference = _repository(request, found), require_tag(request.GET.get("reference", "")[:LONGEST])
        listed = client_of(actor, found).image(wanted, reference)
        pulls = {
            "by_tag": full_name(found.address, wanted, reference),
            "by_digest": full_name(found.address, wanted, listed.digest),
        }
        return {"listed": listed, "repository": wanted, "reference": reference, **pulls}

    return _part(request, slug, name, "hub/_image.html", ask)


def _part(
    request: HttpRequest,
    slug: str,
    name: str,
    template: str,
    ask: Callable[[Actor, Registry], dict[str, Any]],
) -> HttpResponse:
    """What is wrong with the registry is said in the part's place: the page around it is of use all the same."""
    actor = require(request, Permission.REGISTRY_VIEW)
    found = get_registry(actor, slug, name)
    context: dict[str, Any] = {"registry": found}
    try:
        context |= ask(actor, found)
    except (Denied, Missing) as error:
        if isinstance(error, Denied) and error.permission is not None:
            raise
        context["trouble"] = str(error)
    except ConsoleError as error:
        context["trouble"] = str(error)
    return render(request, template, context)


def _repository(request: HttpRequest, registry: Registry) -> str:
    return repository_at(registry.address, require_repository(request.GET.get("repository", "").strip()[:LONGEST]))


def _cli(registry: Registry) -> str:
    server = "" if registry.address == "docker.io" else f" {registry.address}"
    user = f" --username {registry.username}" if registry.username else ""
    return f"docker login{server}{user}" if user else f"docker pull {full_name(registry.address, 'NAME')}"
