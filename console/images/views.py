from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.hosts.queries import visible_hosts
from console.images.again import build_again
from console.images.cli import build_command, image_commands
from console.images.forms import BuildForm, ImageFilterForm
from console.images.operations import BUILD, build_image, build_starter, remove_image, share_image
from console.images.queries import get_image, images_like
from console.jobs.queries import JobFilter, find_named, get_job, jobs_on, visible_jobs
from console.jobs.telling import about
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.web.permits import require
from console.web.rendering import go_to, job_answer, page_or_part
from console.web.tables import table_of
from console.workspaces.queries import choice_of, workspaces_for

SORTABLE = {"created": "created_at", "size": "size_bytes", "id": "engine_id", "host": "host__name"}
GIVEN = ("workspace", "tag", "dockerfile", "context", "context_of", "secrets", "registries")
BUILDS_SORTABLE = {"number": "pk", "state": "state", "who": "actor_name", "image": "on_name"}


@require_safe
def images(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.IMAGE_VIEW)
    form = ImageFilterForm(request.GET)
    workspace = form.value("workspace")
    rows = images_like(actor, form.value("text"), host=form.value("host"), workspace=workspace)
    table = table_of(request, rows, sortable=SORTABLE, default="-created")
    choice = choice_of(actor, workspace)
    context = {"table": table, "form": form, "hosts": visible_hosts(actor), "choice": choice}
    return page_or_part(request, "images/list.html", "images/_rows.html", context)


@require_safe
def image(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    actor = require(request, Permission.IMAGE_VIEW)
    found = get_image(actor, host, engine_id)
    context = {
        "image": found,
        "cli": image_commands(found),
        "jobs": jobs_on(actor, found)[:10],
        "choice": choice_of(actor, found.workspace.slug),
    }
    return render(request, "images/image.html", context)


@require_POST
def remove(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    job = remove_image(Actor.of_request(request), host, engine_id)
    title = _("Removing: %(name)s") % {"name": job.on_name}
    return job_answer(request, number=job.number, title=title, link=reverse("jobs:job", args=[job.number]))


@require_POST
def share(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    to = request.POST.get("workspace", "")
    shared = share_image(Actor.of_request(request), host, engine_id, workspace=to)
    messages.success(request, _("%(workspace)s has it too now.") % {"workspace": shared.workspace})
    return redirect("images:image", host, engine_id)


@require_POST
def starter(request: HttpRequest, host: str) -> HttpResponse:
    job = build_starter(Actor.of_request(request), host)
    return go_to(request, reverse("builds:build", args=[job.number]))


# --- builds: jobs of one kind ---


@require_safe
def builds(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.JOB_VIEW)
    choice = choice_of(actor, request.GET.get("workspace", "")[:40])
    rows = visible_jobs(actor, JobFilter(kind=BUILD, workspace=choice.chosen))
    table = table_of(request, rows, sortable=BUILDS_SORTABLE, default="-number")
    return page_or_part(request, "images/builds.html", "images/_builds_rows.html", {"table": table, "choice": choice})


@require_http_methods(["GET", "HEAD", "POST"])
def new_build(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    choices = {
        "hosts": [host.name for host in visible_hosts(actor)],
        "workspaces": [workspace.slug for workspace in workspaces_for(actor, Permission.IMAGE_BUILD)],
    }
    form = BuildForm(
        request.POST or None,
        request.FILES or None,
        **choices,
        initial=build_again(find_named(actor, request.GET.get("from", ""))),
    )
    if request.method == "POST" and form.is_valid():
        given = {name: form.cleaned_data[name] for name in GIVEN}
        path = form.cleaned_data["dockerfile_path"] or "Dockerfile"
        try:
            job = build_image(actor, form.cleaned_data["host"], dockerfile_path=path, **given)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            return redirect("builds:build", job.number)
    require(request, Permission.IMAGE_BUILD)
    return render(request, "images/new_build.html", {"form": form}, status=form.answer)


@require_safe
def build(request: HttpRequest, number: int) -> HttpResponse:
    actor = require(request, Permission.JOB_VIEW)
    job = get_job(actor, number)
    if job.kind != BUILD:
        return redirect("jobs:job", number)
    context = {**about(actor, job), "cli": build_command(job.args), "dockerfile": job.args.get("dockerfile", "")}
    return page_or_part(request, "images/build.html", "jobs/_facts.html", context)
