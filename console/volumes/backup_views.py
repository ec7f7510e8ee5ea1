"""Backups of volumes: the list, taking one away, restoring it, removing it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.hosts.queries import visible_hosts
from console.operations.actor import Actor
from console.operations.confirmation import require_confirmed
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.volumes import operations
from console.volumes.cli import restore_command
from console.volumes.downloads import file_of
from console.volumes.forms import RestoreForm
from console.volumes.queries import (
    VolumeFilter,
    get_backup,
    require_reading,
    users_of,
    visible_backups,
    visible_volumes,
)
from console.web.permits import require
from console.web.rendering import page_or_part
from console.web.tables import table_of
from console.workspaces.queries import choice_of

SORTABLE = {"made": "pk", "volume": "volume_name", "size": "size_bytes", "host": "host_name"}


@require_safe
def backups(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.VOLUME_VIEW)
    workspace, volume = request.GET.get("workspace", "")[:40], request.GET.get("volume", "")[:255]
    rows = visible_backups(actor, workspace=workspace, volume=volume)
    table = table_of(request, rows, sortable=SORTABLE, default="-made")
    context = {"table": table, "choice": choice_of(actor, workspace), "volume": volume}
    return page_or_part(request, "volumes/backups.html", "volumes/_backups_rows.html", context)


@never_cache
@require_safe
def download(request: HttpRequest, number: int) -> StreamingHttpResponse:
    backup = operations.note_download(require(request, Permission.VOLUME_VIEW), number)
    return file_of(backup)


@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HttpRequest, number: int) -> HttpResponse:
    """Where to, then what that would mean, then it is done."""
    actor = require(request, Permission.VOLUME_VIEW)
    backup = get_backup(actor, number)
    require_reading(actor, backup)
    hosts = [host.name for host in visible_hosts(actor)]
    initial = {"host": backup.host_name, "name": backup.volume_name}
    form = RestoreForm(request.POST or None, hosts=hosts, initial=initial)
    present = None
    if form.is_valid():
        given = form.cleaned_data
        wanted = VolumeFilter(host=given["host"])
        present = visible_volumes(actor, wanted).filter(name=given["name"].strip()).first()
        try:
            if present is None:
                job = operations.restore_into_new(actor, number, given["host"], name=given["name"])
                return redirect("jobs:job", job.number)
            require(request, Permission.VOLUME_REMOVE, on=present)
            require_confirmed(actor, Permission.VOLUME_REMOVE)
            if given["typed"]:
                job = operations.restore_over(
                    actor, number, given["host"], present.name, typed=given["typed"], stops=given["stops"]
                )
                return redirect("jobs:job", job.number)
        except (Invalid, Conflict) as error:
            form.blame(error)
        except Denied as error:
            if error.permission is not None or error.word == "unconfirmed":
                raise
            form.blame(error)
    context = {
        "backup": backup,
        "form": form,
        "present": present,
        "users": users_of(actor, present) if present is not None else None,
        "cli": restore_command(present.name if present is not None else backup.volume_name),
        "names": visible_volumes(actor).filter(workspace=backup.workspace).values_list("name", flat=True)[:500],
    }
    return render(request, "volumes/restore.html", context, status=form.answer)


@require_POST
def remove(request: HttpRequest, number: int) -> HttpResponse:
    operations.remove_backup(Actor.of_request(request), number)
    messages.success(request, _("The backup is removed."))
    return redirect("backups:list")
