from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.hosts.models import Host
from console.hosts.queries import get_host, places_for, visible_hosts
from console.jobs.models import Job
from console.jobs.queries import jobs_on
from console.operations.actor import Actor
from console.operations.confirmation import require_confirmed
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.operations.policy import may
from console.volumes import operations
from console.volumes.browsing import folder_of
from console.volumes.cli import NEW, remove_command, volume_commands
from console.volumes.forms import BackupForm, CloneForm, TypedForm, VolumeFilterForm, VolumeForm
from console.volumes.queries import backups_of, find_listing, get_volume, unused_volumes, users_of, visible_volumes
from console.web.permits import require
from console.web.rendering import job_answer, page_or_part
from console.web.states import kind_name
from console.web.tables import table_of
from console.workspaces.queries import choice_of, get_workspace, workspaces_for

SORTABLE = {"name": "name", "driver": "driver", "host": "host__name", "created": "created_at"}
MOST_BACKUPS_SHOWN = 50


@require_safe
def volumes(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.VOLUME_VIEW)
    form = VolumeFilterForm(request.GET)
    wanted = form.wanted()
    table = table_of(request, visible_volumes(actor, wanted), sortable=SORTABLE, default="name")
    choice = choice_of(actor, wanted.workspace)
    context = {"table": table, "form": form, "hosts": visible_hosts(actor), "choice": choice}
    return page_or_part(request, "volumes/list.html", "volumes/_rows.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    choices = places_for(actor, Permission.VOLUME_MANAGE)
    form = VolumeForm(request.POST or None, **choices)
    if form.is_valid():
        given = dict(form.cleaned_data)
        try:
            job = operations.create_volume(actor, given.pop("host"), **given)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            return redirect("jobs:job", job.number)
    require(request, Permission.VOLUME_MANAGE)
    return render(request, "volumes/new.html", {"form": form, "cli": NEW}, status=form.answer)


@require_safe
def volume(request: HttpRequest, host: str, name: str) -> HttpResponse:
    return _page(request, host, name)


def _page(
    request: HttpRequest, host: str, name: str, *, backup: BackupForm | None = None, clone: CloneForm | None = None
) -> HttpResponse:
    actor = require(request, Permission.VOLUME_VIEW)
    found = get_volume(actor, host, name)
    backup, clone = backup or BackupForm(), clone or CloneForm()
    context = {
        "volume": found,
        "users": users_of(actor, found),
        "backups": backups_of(actor, found)[:MOST_BACKUPS_SHOWN],
        "shows_place": may(actor, Permission.VOLUME_MANAGE, on=found),
        "hosts": [found.host],
        "backup_form": backup,
        "clone_form": clone,
        "cli": volume_commands(found),
        "jobs": jobs_on(actor, found)[:10],
        "choice": choice_of(actor, found.workspace.slug),
        "tab": "overview",
    }
    response = page_or_part(request, "volumes/volume.html", "volumes/_facts.html", context)
    response.status_code = max(backup.answer, clone.answer)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def files(request: HttpRequest, host: str, name: str) -> HttpResponse:
    """What somebody last saw in it; by POST, look again."""
    actor = require(request, Permission.VOLUME_VIEW)
    if request.method == "POST":
        return _job_answer(request, operations.list_files(actor, host, name))
    found = get_volume(actor, host, name)
    listing = find_listing(actor, found)
    folder = folder_of(listing.entries, request.GET.get("path", "")[:4096]) if listing is not None else None
    context = {"volume": found, "hosts": [found.host], "listing": listing, "folder": folder, "tab": "files"}
    return page_or_part(request, "volumes/files.html", "volumes/_files.html", context)


@require_POST
def back_up(request: HttpRequest, host: str, name: str) -> HttpResponse:
    form = BackupForm(request.POST)
    if form.is_valid():
        try:
            backup = operations.back_up(Actor.of_request(request), host, name, **form.cleaned_data)
        except Invalid as error:
            form.blame(error)
        else:
            assert backup.job is not None
            return _job_answer(request, backup.job)
    return _page(request, host, name, backup=form)


@require_POST
def clone(request: HttpRequest, host: str, name: str) -> HttpResponse:
    form = CloneForm(request.POST)
    if form.is_valid():
        try:
            job = operations.clone_volume(Actor.of_request(request), host, name, to=form.cleaned_data["to"])
        except (Invalid, Conflict) as error:
            form.blame(error)
        else:
            return _job_answer(request, job)
    return _page(request, host, name, clone=form)


@require_POST
def move(request: HttpRequest, host: str, name: str) -> HttpResponse:
    to = request.POST.get("workspace", "")
    moved = operations.move_volume(Actor.of_request(request), host, name, workspace=to)
    words = {"name": moved.shown_name, "workspace": moved.workspace}
    messages.success(request, _("%(name)s belongs to %(workspace)s now.") % words)
    return redirect("volumes:volume", host, name)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, host: str, name: str) -> HttpResponse:
    """What goes, and the name to be typed."""
    actor = require(request, Permission.VOLUME_VIEW)
    found = get_volume(actor, host, name)
    form = TypedForm(request.POST or None)
    if form.is_valid():
        try:
            job = operations.remove_volume(actor, host, name, typed=form.cleaned_data["typed"])
        except Invalid as error:
            form.blame(error)
        else:
            return redirect("jobs:job", job.number)
    require(request, Permission.VOLUME_REMOVE, on=found)
    require_confirmed(actor, Permission.VOLUME_REMOVE)
    context = {
        "volume": found,
        "users": users_of(actor, found),
        "form": form,
        "backups": backups_of(actor, found)[:5],
        "cli": remove_command([found]),
    }
    return render(request, "volumes/remove.html", context, status=form.answer)


@require_POST
def measure(request: HttpRequest, host: str) -> HttpResponse:
    return _job_answer(request, operations.measure_volumes(Actor.of_request(request), host))


@require_http_methods(["GET", "HEAD", "POST"])
def prune(request: HttpRequest) -> HttpResponse:
    """What no container has, to be looked at and then removed."""
    actor = require(request, Permission.VOLUME_VIEW)
    if request.method == "POST":
        given, names = request.POST, request.POST.getlist("names")
        host, workspace = given.get("host", ""), given.get("workspace", "")
        job = operations.prune_volumes(actor, host, workspace=workspace, names=names)
        return redirect("jobs:job", job.number)
    require(request, Permission.VOLUME_REMOVE)
    hosts = list(visible_hosts(actor))
    workspaces = workspaces_for(actor, Permission.VOLUME_REMOVE)
    chosen = _chosen(hosts, request.GET.get("host", ""))
    slug = request.GET.get("workspace", "")[:40] or (workspaces[0].slug if workspaces else "")
    unused = []
    if chosen is not None and slug:
        unused = unused_volumes(actor, get_host(actor, chosen.name), get_workspace(actor, slug))
    context = {
        "unused": unused,
        "hosts": hosts,
        "host": chosen,
        "workspaces": workspaces,
        "workspace": slug,
        "cli": remove_command(unused),
    }
    return render(request, "volumes/prune.html", context)


def _chosen(hosts: list[Host], name: str) -> Host | None:
    """The named one, or the first."""
    return next((host for host in hosts if host.name == name), hosts[0] if hosts else None)


def _job_answer(request: HttpRequest, job: Job) -> HttpResponse:
    title = _("%(kind)s: %(name)s") % {"kind": kind_name(job.kind), "name": job.on_name}
    return job_answer(request, number=job.number, title=title, link=reverse("jobs:job", args=[job.number]))
