from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.containers import operations
from console.containers.cli import container_commands, log_command, many_commands
from console.containers.forms import ContainerFilterForm
from console.containers.kept_logs import earlier_logs, kept_log_of
from console.containers.log_text import log_piece, whole_log
from console.containers.models import Container
from console.containers.overview import overview_of
from console.containers.picking import ACTIONS, get_action, judge_picked
from console.containers.queries import get_container, require_logs, visible_containers
from console.hosts.queries import visible_hosts
from console.jobs.models import Job
from console.jobs.queries import jobs_on
from console.live.frames import poll_body
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.web.permits import require
from console.web.rendering import is_htmx, job_answer, page_or_part
from console.web.states import kind_name
from console.web.tables import table_of
from console.workspaces.queries import choice_of

SORTABLE = {"name": "name", "state": "state", "image": "image", "host": "host__name", "created": "created_at"}


@require_safe
def containers(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.CONTAINER_VIEW)
    form = ContainerFilterForm(request.GET)
    wanted = form.wanted()
    table = table_of(request, visible_containers(actor, wanted), sortable=SORTABLE, default="-created")
    choice = choice_of(actor, wanted.workspace)
    context = {"table": table, "form": form, "hosts": visible_hosts(actor), "choice": choice, "acts": ACTIONS.values()}
    return page_or_part(request, "containers/list.html", "containers/_rows.html", context)


@require_safe
def overview(request: HttpRequest, host: str, name: str) -> HttpResponse:
    actor = require(request, Permission.CONTAINER_VIEW)
    container = get_container(actor, host, name)
    context = {
        "container": container,
        "hosts": [container.host],
        "jobs": jobs_on(actor, container)[:10],
        "cli": container_commands(container),
        "tab": "overview",
        "choice": choice_of(actor, container.workspace.slug),
        **overview_of(request, actor, container),
    }
    return page_or_part(request, "containers/container.html", "containers/_facts.html", context)


@require_safe
def logs(request: HttpRequest, host: str, name: str) -> HttpResponse:
    container = _for_log(request, host, name)
    context = {"container": container, "hosts": [container.host], "tab": "logs", "cli": log_command(container)}
    if not is_htmx(request):
        context |= {"earlier": earlier_logs(Actor.of_request(request), container)}
        context |= {"kept": kept_log_of(container)} if container.gone_at is not None else {}
    return page_or_part(request, "containers/logs.html", "containers/_head.html", context)


@never_cache
@require_safe
def log_lines(request: HttpRequest, host: str, name: str) -> HttpResponse:
    """The lines after ``?since=``, for pages whose websocket is away."""
    container = _for_log(request, host, name)
    piece = async_to_sync(log_piece)(container.host.address, container.engine_id, request.GET.get("since"))
    return JsonResponse(poll_body(piece))


@require_safe
def download(request: HttpRequest, host: str, name: str) -> StreamingHttpResponse:
    container = _for_log(request, host, name)
    lines = whole_log(container.host.address, container.engine_id)
    response = StreamingHttpResponse(lines, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{container.short_id}.log"'
    return response


@require_POST
def move(request: HttpRequest, host: str, name: str) -> HttpResponse:
    to = request.POST.get("workspace", "")
    container = operations.move_container(Actor.of_request(request), host, name, workspace=to)
    words = {"name": container.name, "workspace": container.workspace}
    messages.success(request, _("%(name)s belongs to %(workspace)s now.") % words)
    return redirect("containers:container", host, name)


@require_POST
def start(request: HttpRequest, host: str, name: str) -> HttpResponse:
    return _answer(request, operations.start_container(Actor.of_request(request), host, name))


@require_POST
def stop(request: HttpRequest, host: str, name: str) -> HttpResponse:
    return _answer(request, operations.stop_container(Actor.of_request(request), host, name))


@require_POST
def restart(request: HttpRequest, host: str, name: str) -> HttpResponse:
    return _answer(request, operations.restart_container(Actor.of_request(request), host, name))


@require_POST
def pause(request: HttpRequest, host: str, name: str) -> HttpResponse:
    return _answer(request, operations.pause_container(Actor.of_request(request), host, name))


@require_POST
def unpause(request: HttpRequest, host: str, name: str) -> HttpResponse:
    return _answer(request, operations.unpause_container(Actor.of_request(request), host, name))


@require_POST
def kill(request: HttpRequest, host: str, name: str) -> HttpResponse:
    signal = request.POST.get("signal", "KILL")
    return _answer(request, operations.kill_container(Actor.of_request(request), host, name, signal=signal))


@require_POST
def rename(request: HttpRequest, host: str, name: str) -> HttpResponse:
    to = request.POST.get("to", "")
    return _answer(request, operations.rename_container(Actor.of_request(request), host, name, to=to))


@require_POST
def remove(request: HttpRequest, host: str, name: str) -> HttpResponse:
    return _answer(request, operations.remove_container(Actor.of_request(request), host, name))


@require_http_methods(["GET", "HEAD", "POST"])
def many(request: HttpRequest) -> HttpResponse:
    """What would be done to those picked, and with ``sure`` it is."""
    given = request.POST if request.method == "POST" else request.GET
    actor = require(request, Permission.CONTAINER_VIEW)
    action, keys = get_action(given.get("action", "")), given.getlist("picked")
    if request.method == "POST" and "sure" in given:
        jobs = operations.act_on_many(actor, action.key, keys)
        return _answer(request, jobs[0]) if len(jobs) == 1 else redirect("jobs:list")
    picked = judge_picked(actor, action, keys)
    fine = [one for one in picked if not one.why_not]
    cli = many_commands(action.key, [one.container for one in fine])
    context = {"action": action, "picked": picked, "fine": fine, "all": len(picked), "cli": cli}
    return render(request, "containers/many.html", context)


def _for_log(request: HttpRequest, host: str, name: str) -> Container:
    actor = require(request, Permission.CONTAINER_VIEW)
    container = get_container(actor, host, name)
    require_logs(actor, container)
    return container


def _answer(request: HttpRequest, job: Job) -> HttpResponse:
    title = _("%(kind)s: %(name)s") % {"kind": kind_name(job.kind), "name": job.on_name}
    return job_answer(request, number=job.number, title=title, link=reverse("jobs:job", args=[job.number]))
