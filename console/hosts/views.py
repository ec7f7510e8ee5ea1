"""Adding a host and looking after it. What a host has and uses is shown by console.stats."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.hosts import operations
from console.hosts.commands import Commands
from console.hosts.forms import HostForm, RemoveForm, RenameForm
from console.hosts.models import Host
from console.hosts.operations import IssuedKey
from console.hosts.queries import get_host
from console.operations.actor import Actor
from console.operations.confirmation import require_confirmed
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.web.permits import require


@dataclass(frozen=True, slots=True)
class Forms:
    rename: RenameForm
    remove: RemoveForm

    @classmethod
    def of(cls, host: Host) -> "Forms":
        return cls(RenameForm(initial={"new_name": host.name}), RemoveForm(name=host.name))

    @property
    def answer(self) -> int:
        return max(self.rename.answer, self.remove.answer)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form; the key of what was added is in this answer and in no other."""
    actor = require(request, Permission.HOST_MANAGE)
    if request.method != "POST":
        # whoever fills in the form is not asked only afterwards
        require_confirmed(actor, Permission.HOST_MANAGE)
    form = HostForm(request.POST or None)
    if form.is_valid():
        try:
            return _issued(request, operations.add_host(actor, **form.given))
        except (Invalid, Conflict) as error:
            form.blame(error)
    return render(request, "hosts/new.html", {"form": form}, status=form.answer)


@require_safe
def settings(request: HttpRequest, host: str) -> HttpResponse:
    found = _manageable(request, host)
    return _settings(request, found, Forms.of(found))


@never_cache
@require_POST
def renew(request: HttpRequest, host: str) -> HttpResponse:
    return _issued(request, operations.renew_key(_may(request), host))


@require_POST
def revoke(request: HttpRequest, host: str) -> HttpResponse:
    operations.revoke_key(_may(request), host)
    messages.success(request, _("The key is revoked. Nobody calls for this host."))
    return redirect("machines:settings", host)


@require_POST
def rename(request: HttpRequest, host: str) -> HttpResponse:
    found = _manageable(request, host)
    form = RenameForm(request.POST)
    if form.is_valid():
        try:
            renamed = operations.rename_host(_may(request), host, new_name=form.cleaned_data["new_name"])
        except (Invalid, Conflict) as error:
            form.blame(error)
        else:
            messages.success(request, _("It is called “%(name)s” now.") % {"name": renamed.name})
            return redirect("machines:settings", renamed.name)
    return _settings(request, found, Forms(form, RemoveForm(name=found.name)))


@require_POST
def remove(request: HttpRequest, host: str) -> HttpResponse:
    found = _manageable(request, host)
    form = RemoveForm(request.POST, name=found.name)
    if form.is_valid():
        try:
            operations.remove_host(_may(request), host, force=form.cleaned_data["force"])
        except (Conflict, Denied) as error:
            form.blame(error)
        else:
            messages.success(request, _("“%(name)s” is removed.") % {"name": host})
            return redirect("hosts:list")
    return _settings(request, found, Forms(RenameForm(initial={"new_name": found.name}), form))


@require_safe
def awaited(request: HttpRequest, host: str) -> HttpResponse:
    """Whether its agent has called yet, and what it tells: a part of the page that shows the key."""
    return render(request, "hosts/_awaited.html", {"host": _manageable(request, host)})


def _issued(request: HttpRequest, issued: IssuedKey) -> HttpResponse:
    commands = Commands(request.build_absolute_uri("/").rstrip("/"), issued.host)
    response = render(request, "hosts/issued.html", {"host": issued.host, "issued": issued, "commands": commands})
    response["Cache-Control"] = "private, no-store"
    return response


def _settings(request: HttpRequest, host: Host, forms: Forms) -> HttpResponse:
    return render(request, "hosts/settings.html", {"host": host, "forms": forms}, status=forms.answer)


def _may(request: HttpRequest) -> Actor:
    return require(request, Permission.HOST_MANAGE)


def _manageable(request: HttpRequest, name: str) -> Host:
    return get_host(_may(request), name)
