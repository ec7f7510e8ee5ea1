from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.hosts.queries import places_for
from console.images.again import build_again, trouble_of
from console.images.cli import NEW_BUILD, build_command
from console.images.forms import BuildForm
from console.images.operations import BUILD, build_image, build_starter
from console.jobs.models import Job
from console.jobs.progress import timed_steps
from console.jobs.queries import JobFilter, find_named, get_job, visible_jobs
from console.jobs.telling import about
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.web.permits import require
from console.web.rendering import go_to, page_or_part
from console.web.tables import table_of
from console.workspaces.queries import choice_of

GIVEN = ("workspace", "tag", "dockerfile", "context", "context_of", "secrets", "registries")
SORTABLE = {"number": "pk", "state": "state", "who": "actor_name", "image": "on_name"}


@require_safe
def builds(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.JOB_VIEW)
    choice = choice_of(actor, request.GET.get("workspace", "")[:40])
    rows = visible_jobs(actor, JobFilter(kind=BUILD, workspace=choice.chosen))
    is_active = request.GET.get("show") == "active"
    if is_active:
        rows = rows.filter(state__in=Job.ACTIVE)
    table = table_of(request, rows, sortable=SORTABLE, default="-number")
    context = {"table": table, "choice": choice, "is_active": is_active}
    return page_or_part(request, "images/builds.html", "images/_builds_rows.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_build(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    choices = places_for(actor, Permission.IMAGE_BUILD)
    earlier = find_named(actor, request.GET.get("from", ""))
    form = BuildForm(request.POST or None, request.FILES or None, **choices, initial=build_again(earlier))
    if request.method == "POST" and form.is_valid():
        given = {name: form.cleaned_data[name] for name in GIVEN}
        given["dockerfile_path"] = form.cleaned_data["dockerfile_path"] or "Dockerfile"
        try:
            job = build_image(actor, form.cleaned_data["host"], git=form.git, options=form.options, **given)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            return redirect("builds:build", job.number)
    require(request, Permission.IMAGE_BUILD)
    context = {"form": form, "cli": NEW_BUILD, **(trouble_of(earlier) if request.method != "POST" else {})}
    return render(request, "images/new_build.html", context, status=form.answer)


@require_safe
def build(request: HttpRequest, number: int) -> HttpResponse:
    actor = require(request, Permission.JOB_VIEW)
    job = get_job(actor, number)
    if job.kind != BUILD:
        return redirect("jobs:job", number)
    context: dict[str, Any] = {
        **about(actor, job),
        "cli": build_command(job.args),
        "dockerfile": job.args.get("dockerfile", ""),
        "steps": timed_steps(job.progress),
        **trouble_of(job),
    }
    return page_or_part(request, "images/build.html", "images/_build_facts.html", context)


@require_POST
def starter(request: HttpRequest, host: str) -> HttpResponse:
    job = build_starter(Actor.of_request(request), host)
    return go_to(request, reverse("builds:build", args=[job.number]))
