from typing import Any, cast

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.containers.models import Container
from console.files import cli, operations, reading
from console.files.downloads import download_answer
from console.files.drift import DriftFilter, drift
from console.files.forms import DriftFilterForm, FreezeForm, NoiseForm, ResetForm
from console.files.packing import MOST_BYTES, Upload
from console.files.paths import asked_path, joined, quoted, steps
from console.files.queries import get_container_for_files, noise_of
from console.files.texts import read_text
from console.hosts.files import Directory, File, shown
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing, Unavailable, Unconfirmed
from console.operations.middleware import wants_json
from console.operations.permissions import Permission
from console.web.permits import require
from console.web.rendering import job_answer, page_or_part
from console.web.states import kind_name


@never_cache
@require_safe
def browse(request: HttpRequest, host: str, name: str) -> HttpResponse:
    """What a directory holds."""
    _actor, container = _for_files(request, host, name)
    path = asked_path(request.META["QUERY_STRING"])
    listed, problem = Directory(path, (), 0), None
    try:
        listed = async_to_sync(reading.directory)(container.host.address, container.engine_id, path)
    except Invalid:
        return redirect(_address("files:view", host, name, path))
    except (Missing, Unavailable) as error:
        problem = error
    context = {
        **_about(container, path),
        "part": "browse",
        "listed": listed,
        "rows": [_row(path, file) for file in _sorted(listed)],
        "problem": problem,
        "cli": cli.directory_commands(container, path),
        "most_bytes": MOST_BYTES,
    }
    response = page_or_part(request, "files/browse.html", "files/_listing.html", context)
    response.status_code = 200 if problem is None else problem.status
    return response


@never_cache
@require_safe
def view(request: HttpRequest, host: str, name: str) -> HttpResponse:
    """The beginning of a file."""
    actor, container = _for_files(request, host, name)
    path = asked_path(request.META["QUERY_STRING"])
    context: dict[str, Any] = {**_about(container, path), "part": "browse", "cli": cli.file_commands(container, path)}
    status = 200
    try:
        file = async_to_sync(reading.stat)(container.host.address, container.engine_id, path)
        if file.kind == "directory":
            return redirect(_address("files:browse", host, name, path))
        context["file"] = file
        if file.kind == "file":
            operations.note_reading(actor, container, act="preview", path=path, file=file)
            piece = async_to_sync(reading.piece)(container.host.address, container.engine_id, path)
            context |= {"piece": piece, "text": read_text(piece.content, is_whole=piece.is_whole)}
    except (Missing, Invalid, Unavailable) as error:
        context["problem"] = error
        status = error.status
    return render(request, "files/view.html", context, status=status)


@never_cache
@require_safe
def download(request: HttpRequest, host: str, name: str) -> StreamingHttpResponse:
    """A file, or a tar of a directory."""
    actor, container = _for_files(request, host, name)
    path = asked_path(request.META["QUERY_STRING"])
    return download_answer(actor, container, path)


@require_POST
def upload(request: HttpRequest, host: str, name: str) -> HttpResponse:
    actor, _container = _for_files(request, host, name)
    given = [Upload(str(one.name), cast("Any", one.file), int(one.size or 0)) for one in request.FILES.getlist("files")]
    job = operations.upload_files(actor, host, name, path=request.POST.get("path", ""), files=given)
    return _answer(request, job)


@require_POST
def new_directory(request: HttpRequest, host: str, name: str) -> HttpResponse:
    actor, _container = _for_files(request, host, name)
    directory = request.POST.get("directory", "")
    job = operations.make_directory(actor, host, name, path=request.POST.get("path", ""), directory=directory)
    return _answer(request, job)


@require_POST
def move(request: HttpRequest, host: str, name: str) -> HttpResponse:
    actor, _container = _for_files(request, host, name)
    path, to = request.POST.get("path", ""), request.POST.get("to", "")
    return _answer(request, operations.move_file(actor, host, name, path=path, to=to))


@require_POST
def remove(request: HttpRequest, host: str, name: str) -> HttpResponse:
    actor, _container = _for_files(request, host, name)
    path = request.POST.get("path") or asked_path(request.META["QUERY_STRING"])
    return _answer(request, operations.remove_file(actor, host, name, path=path))


@never_cache
@require_safe
def changes(request: HttpRequest, host: str, name: str) -> HttpResponse:
    """What the container changed since its image."""
    _actor, container = _for_files(request, host, name)
    return _changes(request, container, None)


@require_POST
def noise(request: HttpRequest, host: str, name: str) -> HttpResponse:
    actor, container = _for_files(request, host, name)
    form = NoiseForm(request.POST)
    if form.is_valid():
        try:
            operations.change_noise(actor, container.workspace.slug, patterns=form.cleaned_data["patterns"])
        except Invalid as error:
            form.blame(error)
        else:
            messages.success(request, _("From now on this is left out in all of the workspace."))
            return redirect("files:changes", host, name)
    return _changes(request, container, form)


def _changes(request: HttpRequest, container: Container, form: NoiseForm | None) -> HttpResponse:
    patterns = noise_of(container.workspace)
    filters = DriftFilterForm(request.GET)
    context: dict[str, Any] = {
        **_about(container, "/"),
        "part": "changes",
        "filters": filters,
        "form": form or NoiseForm(initial={"patterns": "\n".join(patterns)}),
        "cli": cli.changes_commands(container),
    }
    status = 400 if form is not None else 200
    try:
        found = async_to_sync(reading.changes)(container.host.address, container.engine_id)
        context["drift"] = drift(found, filters.wanted(patterns))
    except Unavailable as error:
        context["problem"], status = error, error.status
    return render(request, "files/changes.html", context, status=status)


@never_cache
@require_safe
def compare(request: HttpRequest, host: str, name: str) -> HttpResponse:
    """A changed file beside what the image has."""
    actor, container = _for_files(request, host, name)
    path = asked_path(request.META["QUERY_STRING"])
    context: dict[str, Any] = {**_about(container, path), "part": "changes", "cli": cli.changes_commands(container)}
    status = 200
    operations.note_reading(actor, container, act="compare", path=path)
    try:
        context["compared"] = async_to_sync(reading.compared)(
            container.host.address, container.engine_id, path, image=container.image_engine_id
        )
    except (Missing, Unavailable) as error:
        context["problem"], status = error, error.status
    return render(request, "files/compare.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def freeze(request: HttpRequest, host: str, name: str) -> HttpResponse:
    actor, container = _for_files(request, host, name)
    form = FreezeForm(request.POST or None, initial={"author": actor.name})
    if form.is_valid():
        try:
            job = operations.freeze_container(actor, host, name, **form.cleaned_data)
        except (Invalid, Conflict, Denied) as error:
            if isinstance(error, Conflict) and not error.field:
                raise
            form.blame(error)
        else:
            return redirect("jobs:job", job.number)
    context = {**_about(container, "/"), "part": "freeze", "form": form, "cli": cli.freeze_commands(container)}
    return render(request, "files/freeze.html", context, status=form.answer)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: HttpRequest, host: str, name: str) -> HttpResponse:
    """What would be lost, and then to lose it."""
    actor, container = _for_files(request, host, name)
    form = ResetForm(request.POST or None, name=container.name)
    if form.is_valid():
        try:
            job = operations.reset_container(actor, host, name)
        except (Invalid, Denied) as error:
            if isinstance(error, Unconfirmed):
                raise
            form.blame(error)
        else:
            return redirect("jobs:job", job.number)
    context: dict[str, Any] = {
        **_about(container, "/"),
        "part": "reset",
        "form": form,
        "cli": cli.reset_commands(container),
    }
    status = form.answer
    try:
        loss = reading.loss(container)
        context |= {"loss": loss, "drift": drift(loss.changes, DriftFilter())}
    except (Missing, Unavailable) as error:
        context["problem"], status = error, error.status
    return render(request, "files/reset.html", context, status=status)


def _for_files(request: HttpRequest, host: str, name: str) -> tuple[Actor, Container]:
    actor = require(request, Permission.CONTAINER_VIEW)
    return actor, get_container_for_files(actor, host, name)


def _about(container: Container, path: str) -> dict[str, Any]:
    """What every page of a container's files is drawn with."""
    parent = path.rpartition("/")[0] or "/"
    return {
        "container": container,
        "tab": "files",
        "hosts": [container.host],
        "path": shown(path),
        "path_query": quoted(path),
        "parent_query": quoted(parent),
        "steps": [{"name": shown(step.name), "query": quoted(step.path)} for step in steps(path)],
        "is_root": path == "/",
        "is_nameable": shown(path) == path,
    }


def _sorted(listed: Directory) -> list[File]:
    """Directories first."""
    return sorted(listed.files, key=lambda file: (file.kind != "directory", file.name))


def _row(directory: str, file: File) -> dict[str, Any]:
    return {
        "file": file,
        "name": shown(file.name),
        "target": shown(file.target),
        "query": quoted(joined(directory, file.name)),
        "mode": file.octal,
        "owner": f"{file.user or file.uid}:{file.group or file.gid}",
    }


def _address(url_name: str, host: str, name: str, path: str) -> str:
    return f"{reverse(url_name, args=[host, name])}?path={quoted(path)}"


def _answer(request: HttpRequest, job: Job) -> HttpResponse:
    link = reverse("jobs:job", args=[job.number])
    title = _("%(kind)s: %(name)s") % {"kind": kind_name(job.kind), "name": job.on_name}
    if wants_json(request):
        return JsonResponse({"job": job.number, "link": link, "title": title}, status=202)
    return job_answer(request, number=job.number, title=title, link=link)
