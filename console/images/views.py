from collections.abc import Iterable
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.hosts.queries import places_for, visible_hosts
from console.hub.queries import usable_registries
from console.images import exporting, operations, usage
from console.images.cli import image_commands, pull_command
from console.images.forms import ImageFilterForm, LoadForm, PullForm
from console.images.models import Image
from console.images.queries import get_image, images_like
from console.images.users import users_of
from console.jobs.models import Job
from console.jobs.queries import jobs_on
from console.operations.actor import Actor
from console.operations.errors import Conflict, ConsoleError, Denied, Invalid
from console.operations.permissions import Permission
from console.web.forms import Form
from console.web.permits import require
from console.web.rendering import job_answer, page_or_part
from console.web.states import kind_name
from console.web.tables import table_of
from console.workspaces.queries import choice_of

SORTABLE = {"created": "created_at", "size": "size_bytes", "id": "engine_id", "host": "host__name"}


@require_safe
def images(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.IMAGE_VIEW)
    form = ImageFilterForm(request.GET)
    workspace = form.value("workspace")
    rows = images_like(
        actor, form.value("text"), host=form.value("host"), workspace=workspace, shown=form.value("show")
    )
    table = table_of(request, rows, sortable=SORTABLE, default="-created")
    silent = _tell(actor, table.rows)
    choice = choice_of(actor, workspace)
    context = {"table": table, "form": form, "hosts": visible_hosts(actor), "choice": choice, "silent": silent}
    return page_or_part(request, "images/list.html", "images/_rows.html", context)


@require_safe
def image(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    actor = require(request, Permission.IMAGE_VIEW)
    found = get_image(actor, host, engine_id)
    _tell(actor, [found])
    context: dict[str, Any] = {
        "image": found,
        "cli": image_commands(found),
        "jobs": jobs_on(actor, found)[:10],
        "choice": choice_of(actor, found.workspace.slug),
        "other_hosts": [one for one in visible_hosts(actor) if one.pk != found.host_id],
        "registries": [one for one in usable_registries(actor) if one.workspace_id == found.workspace_id],
    }
    try:
        context["detail"] = usage.detail_of(found)
    except ConsoleError as error:
        context["silence"] = str(error)
    return render(request, "images/image.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def pull(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    form = PullForm(request.POST or None, **places_for(actor, Permission.IMAGE_PULL), initial=_asked_for(request))
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            job = operations.pull_image(actor, given.pop("host"), **given)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            return redirect("jobs:job", job.number)
    require(request, Permission.IMAGE_PULL)
    cli = pull_command(str(form["reference"].value() or ""), all_tags=bool(form["all_tags"].value()))
    return render(request, "images/pull.html", {"form": form, "cli": cli}, status=form.answer)


@require_http_methods(["GET", "HEAD", "POST"])
def load(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    form = LoadForm(request.POST or None, request.FILES or None, **places_for(actor, Permission.IMAGE_PULL))
    if request.method == "POST" and form.is_valid():
        try:
            job = _loaded(actor, form)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            return redirect("jobs:job", job.number)
    require(request, Permission.IMAGE_PULL)
    return render(request, "images/load.html", {"form": form, "cli": "docker load < images.tar"}, status=form.answer)


@require_POST
def tag(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    reference = request.POST.get("reference", "")
    return _job(request, operations.tag_image(Actor.of_request(request), host, engine_id, reference=reference))


@require_POST
def untag(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    reference = request.POST.get("reference", "")
    return _job(request, operations.untag_image(Actor.of_request(request), host, engine_id, reference=reference))


@require_POST
def push(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    reference = request.POST.get("reference", "")
    return _job(request, operations.push_image(Actor.of_request(request), host, engine_id, reference=reference))


@require_POST
def copy(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    to_host, registry = request.POST.get("to_host", ""), request.POST.get("registry", "")
    job = operations.copy_image(Actor.of_request(request), host, engine_id, to_host=to_host, registry=registry)
    return _job(request, job)


@require_safe
def download(request: HttpRequest, host: str, engine_id: str) -> StreamingHttpResponse:
    found = operations.export_image(require(request, Permission.IMAGE_VIEW), host, engine_id)
    response = StreamingHttpResponse(
        cast("Iterable[bytes]", exporting.download(found)), content_type="application/x-tar"
    )
    response["Content-Disposition"] = f'attachment; filename="{exporting.file_name(found)}"'
    return response


@require_POST
def remove(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    return _job(request, operations.remove_image(Actor.of_request(request), host, engine_id))


@require_POST
def share(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    to = request.POST.get("workspace", "")
    shared = operations.share_image(Actor.of_request(request), host, engine_id, workspace=to)
    messages.success(request, _("%(workspace)s has it too now.") % {"workspace": shared.workspace})
    return redirect("images:image", host, engine_id)


def _tell(actor: Actor, rows: Iterable[Image]) -> list[str]:
    """Put on the rows what they take and who uses them. Names of hosts that did not tell."""
    images = list(rows)
    uses = usage.uses_of({image.host.name: image.host for image in images}.values())
    by_host = {name: usage.image_uses(use) for name, use in uses.items()}
    users = users_of(actor, images)
    for image in images:
        image.use = by_host[image.host.name].get(image.engine_id)
        image.users = users[image.pk]
    return sorted(name for name, use in uses.items() if use is None)


def _asked_for(request: HttpRequest) -> dict[str, Any]:
    """What a link to the form names."""
    return {
        name: request.GET[name][:400] for name in ("reference", "workspace", "host", "all_tags") if name in request.GET
    }


def _loaded(actor: Actor, form: Form) -> Job:
    given = form.cleaned_data
    where = {"workspace": given["workspace"]}
    if given["kind"] == "files":
        return operations.import_image(actor, given["host"], given["archive"].file, tag=given["tag"], **where)
    return operations.load_images(actor, given["host"], given["archive"].file, **where)


def _job(request: HttpRequest, job: Job) -> HttpResponse:
    usage.forget(job.host.address)
    title = _("%(kind)s: %(name)s") % {"kind": kind_name(job.kind), "name": job.on_name}
    return job_answer(request, number=job.number, title=title, link=reverse("jobs:job", args=[job.number]))
