from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.hosts.models import Host
from console.hosts.neighbours import neighbours
from console.hosts.queries import get_host, places_for, visible_hosts
from console.jobs.models import Job
from console.jobs.queries import jobs_on
from console.networks import operations
from console.networks.cli import NEW, network_commands, prune_command
from console.networks.forms import ConnectForm, NetworkFilterForm, NetworkForm
from console.networks.queries import get_network, members_of, unused_networks, visible_networks
from console.networks.topology import topology_of
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.web.permits import require
from console.web.rendering import job_answer, page_or_part
from console.web.states import kind_name
from console.web.tables import table_of
from console.workspaces.queries import choice_of, get_workspace, workspaces_for

SORTABLE = {"name": "name", "driver": "driver", "host": "host__name", "created": "created_at"}


@require_safe
def networks(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.NETWORK_VIEW)
    form = NetworkFilterForm(request.GET)
    wanted = form.wanted()
    table = table_of(request, visible_networks(actor, wanted), sortable=SORTABLE, default="name")
    choice = choice_of(actor, wanted.workspace)
    context = {"table": table, "form": form, "hosts": visible_hosts(actor), "choice": choice}
    return page_or_part(request, "networks/list.html", "networks/_rows.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    choices = places_for(actor, Permission.NETWORK_MANAGE)
    form = NetworkForm(request.POST or None, **choices)
    if form.is_valid():
        given = dict(form.cleaned_data)
        try:
            job = operations.create_network(actor, given.pop("host"), **given)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            return redirect("jobs:job", job.number)
    require(request, Permission.NETWORK_MANAGE)
    return render(request, "networks/new.html", {"form": form, "cli": NEW}, status=form.answer)


@require_http_methods(["GET", "HEAD"])
def network(request: HttpRequest, host: str, name: str) -> HttpResponse:
    return _page(request, host, name, ConnectForm())


def _page(request: HttpRequest, host: str, name: str, form: ConnectForm) -> HttpResponse:
    actor = require(request, Permission.NETWORK_VIEW)
    found = get_network(actor, host, name)
    known = neighbours(actor, found.host)
    members, others = members_of(actor, found, known)
    on_it = {member.shown.engine_id for member in members}
    context = {
        "network": found,
        "members": members,
        "others": others,
        "hosts": [found.host],
        "joinable": sorted(one.name for key, one in known.items() if key not in on_it),
        "form": form,
        "cli": network_commands(found),
        "jobs": jobs_on(actor, found)[:10],
        "choice": choice_of(actor, found.workspace.slug),
    }
    response = page_or_part(request, "networks/network.html", "networks/_facts.html", context)
    response.status_code = form.answer
    return response


@require_POST
def connect(request: HttpRequest, host: str, name: str) -> HttpResponse:
    form = ConnectForm(request.POST)
    if form.is_valid():
        try:
            job = operations.connect_container(Actor.of_request(request), host, name, **form.cleaned_data)
        except (Invalid, Conflict) as error:
            form.blame(error)
        else:
            return _job_answer(request, job)
    return _page(request, host, name, form)


@require_POST
def disconnect(request: HttpRequest, host: str, name: str) -> HttpResponse:
    container = request.POST.get("container", "")[:255]
    return _job_answer(
        request, operations.disconnect_container(Actor.of_request(request), host, name, container=container)
    )


@require_POST
def remove(request: HttpRequest, host: str, name: str) -> HttpResponse:
    return _job_answer(request, operations.remove_network(Actor.of_request(request), host, name))


@require_POST
def move(request: HttpRequest, host: str, name: str) -> HttpResponse:
    to = request.POST.get("workspace", "")
    moved = operations.move_network(Actor.of_request(request), host, name, workspace=to)
    words = {"name": moved.name, "workspace": moved.workspace}
    messages.success(request, _("%(name)s belongs to %(workspace)s now.") % words)
    return redirect("networks:network", host, name)


@require_safe
def topology(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.NETWORK_VIEW)
    hosts = list(visible_hosts(actor))
    chosen = _chosen(hosts, request.GET.get("host", ""))
    choice = choice_of(actor, request.GET.get("workspace", "")[:40])
    found = topology_of(actor, chosen, workspace=choice.chosen) if chosen is not None else None
    context = {
        "topology": found,
        "hosts": [chosen] if chosen is not None else [],
        "all_hosts": hosts,
        "host": chosen,
        "choice": choice,
    }
    return page_or_part(request, "networks/topology.html", "networks/_topology.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def prune(request: HttpRequest) -> HttpResponse:
    """What no container is on, to be looked at and then removed."""
    actor = require(request, Permission.NETWORK_VIEW)
    given = request.POST if request.method == "POST" else request.GET
    if request.method == "POST":
        host, workspace = given.get("host", ""), given.get("workspace", "")
        job = operations.prune_networks(actor, host, workspace=workspace, names=request.POST.getlist("names"))
        return redirect("jobs:job", job.number)
    hosts = list(visible_hosts(actor))
    workspaces = workspaces_for(actor, Permission.NETWORK_MANAGE)
    require(request, Permission.NETWORK_MANAGE)
    chosen_host = _chosen(hosts, given.get("host", ""))
    slug = given.get("workspace", "")[:40] or (workspaces[0].slug if workspaces else "")
    unused = []
    if chosen_host is not None and slug:
        unused = unused_networks(actor, get_host(actor, chosen_host.name), get_workspace(actor, slug))
    context = {
        "unused": unused,
        "hosts": hosts,
        "host": chosen_host,
        "workspaces": workspaces,
        "workspace": slug,
        "cli": prune_command(unused),
    }
    return render(request, "networks/prune.html", context)


def _chosen(hosts: list[Host], name: str) -> Host | None:
    """The named one, or the first."""
    return next((host for host in hosts if host.name == name), hosts[0] if hosts else None)


def _job_answer(request: HttpRequest, job: Job) -> HttpResponse:
    title = _("%(kind)s: %(name)s") % {"kind": kind_name(job.kind), "name": job.on_name}
    return job_answer(request, number=job.number, title=title, link=reverse("jobs:job", args=[job.number]))
