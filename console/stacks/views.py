from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.containers.links import linked_ports
from console.hosts.queries import places_for
from console.jobs.queries import jobs_on
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Unavailable
from console.operations.permissions import Permission
from console.stacks.choosing import placings_for, require_best
from console.stacks.cli import NEW, deploy_commands, stack_commands
from console.stacks.compose.problems import ComposeInvalid
from console.stacks.forms import FilesForm, NewStackForm
from console.stacks.models import Stack
from console.stacks.operations import (
    change_stack,
    create_stack,
    deploy_stack,
    plan_stack,
    remove_stack,
    roll_back,
)
from console.stacks.planning.placing import Placing
from console.stacks.planning.plans import Action
from console.stacks.queries import containers_of, get_stack, visible_stacks
from console.stacks.reconciling.shown import summary_of
from console.stacks.schemas import services_of
from console.stacks.services import by_service, published_by
from console.web.permits import require
from console.web.rendering import go_to, page_or_part
from console.web.tables import table_of
from console.workspaces.placing import require_workspace
from console.workspaces.queries import choice_of, workspace_for_new

SORTABLE = {"name": "name", "host": "host__name", "changed": "changed_at"}
RELEASES = 20
SHOWN = 10


@require_safe
def stacks(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.STACK_VIEW)
    choice = choice_of(actor, request.GET.get("workspace", "")[:40])
    table = table_of(request, visible_stacks(actor, workspace=choice.chosen), sortable=SORTABLE, default="name")
    return page_or_part(request, "stacks/list.html", "stacks/_rows.html", {"table": table, "choice": choice})


@require_safe
def stack(request: HttpRequest, stack_id: int) -> HttpResponse:
    actor = require(request, Permission.STACK_VIEW)
    found = get_stack(actor, stack_id)
    newest, there = found.newest, containers_of(actor, found)
    own = by_service(there)
    context = {
        "stack": found,
        "newest": newest,
        "services": [
            (one, linked_ports(request, found.host, published_by(own.get(one.name, ()))))
            for one in services_of(newest, there)
        ],
        "releases": found.releases.select_related("job").order_by("-number")[:RELEASES],
        "jobs": jobs_on(actor, found)[:SHOWN],
        "cli": stack_commands(found),
        "restoring": summary_of(found),
    }
    return page_or_part(request, "stacks/stack.html", "stacks/_facts.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.CONTAINER_DEPLOY)
    places = places_for(actor, Permission.CONTAINER_DEPLOY)
    form, placings = NewStackForm(request.POST or None, **places), list[Placing]()
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            if not given["host"]:
                # shown before it is taken
                placings = _placings(actor, form)
                form = NewStackForm({**request.POST.dict(), "host": require_best(placings).name}, **places)
                return render(request, "stacks/form.html", {"form": form, "placings": placings, "cli": NEW})
            made = create_stack(
                actor, given["host"], name=given["name"], workspace=given["workspace"], files=files_in(form)
            )
        except ComposeInvalid as error:
            form.blame_files(error)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
            form.status = error.status
        else:
            return redirect("stacks:stack", made.pk)
    context = {"form": form, "placings": placings, "cli": NEW}
    return render(request, "stacks/form.html", context, status=form.answer)


def _placings(actor: Actor, form: NewStackForm) -> list[Placing]:
    owner = workspace_for_new(actor, form.cleaned_data["workspace"], Permission.CONTAINER_DEPLOY)
    return placings_for(actor, require_workspace(owner), files_in(form))


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, stack_id: int) -> HttpResponse:
    """Its first file and its ``.env``; others stay as they are."""
    actor = require(request, Permission.STACK_VIEW)
    found = get_stack(actor, stack_id)
    for wanted in (Permission.CONTAINER_DEPLOY, Permission.CONTAINER_SECRETS):
        require(request, wanted, on=found)
    if found.repository:
        return redirect("origins:repository", found.pk)
    main = found.paths[0]
    initial = {"compose": found.files.get(main, ""), "env": found.files.get(".env", "")}
    form = FilesForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            _change(actor, found, form, main)
        except ComposeInvalid as error:
            form.blame_files(error)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            messages.success(request, _("Kept. What runs stays as it is until you deploy it."))
            return redirect("stacks:stack", found.pk)
    context = {"form": form, "stack": found, "cli": deploy_commands(found)}
    return render(request, "stacks/form.html", context, status=form.answer)


def _change(actor: Actor, stack: Stack, form: FilesForm, main: str) -> None:
    others = {name: text for name, text in stack.files.items() if name not in (main, ".env")}
    files = {**others, **files_in(form, main)}
    change_stack(actor, stack.pk, files=files, paths=stack.paths, variables=stack.variables, profiles=stack.profiles)


def files_in(form: FilesForm, main: str = "compose.yaml") -> dict[str, str]:
    """Browsers send lines that end in CR LF."""
    texts = {main: form.cleaned_data["compose"], ".env": form.cleaned_data["env"]}
    return {name: text.replace("\r\n", "\n") for name, text in texts.items() if text or name == main}


@require_safe
def plan(request: HttpRequest, stack_id: int) -> HttpResponse:
    actor = require(request, Permission.STACK_VIEW)
    found = get_stack(actor, stack_id)
    asked = request.GET.get("release", "")
    release = int(asked) if asked.isdecimal() and len(asked) < 9 else None
    context: dict[str, Any] = {"stack": found, "release": release, "error": "", "cli": deploy_commands(found)}
    try:
        prepared = plan_stack(actor, stack_id, release=release)
    except (Invalid, Unavailable) as error:
        context["error"] = str(error)
        return render(request, "stacks/plan.html", context, status=error.status)
    done = [step for step in prepared.plan.steps if step.action is not Action.KEEP]
    kept = len(prepared.plan.steps) - len(done)
    context |= {"plan": prepared.plan, "warnings": prepared.warnings, "steps": done, "kept": kept}
    return render(request, "stacks/plan.html", context)


@require_POST
def deploy(request: HttpRequest, stack_id: int) -> HttpResponse:
    actor = Actor.of_request(request)
    digest, asked = request.POST.get("plan", "")[:64], request.POST.get("release", "")
    if asked.isdecimal() and len(asked) < 9:
        job = roll_back(actor, stack_id, release=int(asked), plan_digest=digest)
    else:
        job = deploy_stack(actor, stack_id, plan_digest=digest)
    return go_to(request, reverse("jobs:job", args=[job.number]))


@require_POST
def remove(request: HttpRequest, stack_id: int) -> HttpResponse:
    """Volumes stay."""
    job = remove_stack(Actor.of_request(request), stack_id)
    return go_to(request, reverse("jobs:job", args=[job.number]))
