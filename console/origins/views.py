"""Pages of where a stack's files come from. A hook's secret is in the answer to making it, and in no other."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from console.hosts.queries import places_for
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.origins import operations
from console.origins.cli import NEW, fetch_commands
from console.origins.forms import NewOriginForm, OriginForm
from console.origins.queries import find_origin, get_origin
from console.stacks.models import Stack
from console.stacks.queries import get_stack
from console.web.permits import require
from console.web.rendering import go_to


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.CONTAINER_DEPLOY)
    form = NewOriginForm(request.POST or None, **places_for(actor, Permission.CONTAINER_DEPLOY))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = operations.create_from_git(
                actor, given["host"], name=given["name"], workspace=given["workspace"], given=form.given
            )
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            return redirect("stacks:stack", made.pk)
    return render(request, "origins/form.html", {"form": form, "cli": NEW}, status=form.answer)


@require_http_methods(["GET", "HEAD", "POST"])
def repository(request: HttpRequest, stack_id: int) -> HttpResponse:
    """Where it comes from, or will: a stack whose files were given may be moved to a repository."""
    stack = _required(request, stack_id)
    actor, origin = Actor.of_request(request), find_origin(stack)
    if origin is not None:
        origin.stack = stack
    form = OriginForm(request.POST or None, initial=OriginForm.facts_of(origin) if origin else None)
    if request.method == "POST" and form.is_valid():
        try:
            operations.follow_repository(actor, stack_id, given=form.given)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            messages.success(request, _("Kept. The files are being fetched."))
            return redirect("stacks:stack", stack_id)
    cli = fetch_commands(origin) if origin else NEW
    context = {"form": form, "stack": stack, "origin": origin, "cli": cli}
    return render(request, "origins/form.html", context, status=form.answer)


@require_POST
def fetch(request: HttpRequest, stack_id: int) -> HttpResponse:
    job = operations.fetch_now(require(request, Permission.STACK_VIEW), stack_id)
    return go_to(request, reverse("jobs:job", args=[job.number]))


@never_cache
@require_POST
def hook(request: HttpRequest, stack_id: int) -> HttpResponse:
    """Its secret is shown this once."""
    actor = require(request, Permission.STACK_VIEW)
    secret = operations.make_hook(actor, stack_id)
    origin = get_origin(actor, stack_id)
    address = request.build_absolute_uri(reverse("origins:ring", args=[stack_id]))
    return render(request, "origins/hook.html", {"stack": origin.stack, "secret": secret, "address": address})


@require_POST
def unhook(request: HttpRequest, stack_id: int) -> HttpResponse:
    operations.remove_hook(require(request, Permission.STACK_VIEW), stack_id)
    messages.success(request, _("The hook is removed."))
    return go_to(request, reverse("origins:repository", args=[stack_id]))


@require_POST
def detach(request: HttpRequest, stack_id: int) -> HttpResponse:
    operations.detach_repository(require(request, Permission.STACK_VIEW), stack_id)
    messages.success(request, _("Its files are yours to change now."))
    return go_to(request, reverse("stacks:stack", args=[stack_id]))


def _required(request: HttpRequest, stack_id: int) -> Stack:
    """Variables are shown there, as files are where they are changed."""
    stack = get_stack(require(request, Permission.STACK_VIEW), stack_id)
    for wanted in (Permission.CONTAINER_DEPLOY, Permission.CONTAINER_SECRETS):
        require(request, wanted, on=stack)
    return stack
