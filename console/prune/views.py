from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.images import usage
from console.jobs.models import Job
from console.operations.errors import Conflict, Denied, Invalid, Unavailable, Unconfirmed
from console.operations.permissions import Permission
from console.prune import operations
from console.prune.cli import prune_commands
from console.prune.forms import AgeForm, PruneForm
from console.prune.queries import get_prunable, plan_for, prunable_hosts, visible_quarantined
from console.prune.shown import groups_of
from console.web.permits import require
from console.web.rendering import job_answer, page_or_part
from console.web.states import kind_name
from console.web.tables import table_of

SORTABLE = {"until": "until", "size": "size_bytes", "host": "host__name"}


@require_safe
def hosts(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.HOST_PRUNE)
    table = table_of(request, visible_quarantined(actor), sortable=SORTABLE, default="until")
    context = {"table": table, "hosts": prunable_hosts(actor)}
    return page_or_part(request, "prune/hosts.html", "prune/_rows.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def host(request: HttpRequest, host: str) -> HttpResponse:
    """What could go, and posted to, have it go."""
    actor = require(request, Permission.HOST_PRUNE)
    found = get_prunable(actor, host)
    form = PruneForm(request.POST) if request.method == "POST" else None
    if form is not None and form.is_valid():
        try:
            given = {"older_than_days": form.chosen, "held_days": form.cleaned_data["held_days"]}
            job = operations.prune_host(actor, host, items=form.wanted, **given)
        except Unconfirmed:
            raise
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            usage.forget(found.address)
            return redirect("jobs:job", job.number)
    age = AgeForm(request.POST if form is not None else request.GET)
    context = {"host": found, "days": age.chosen, "form": form or PruneForm(), **_planned(found, age.chosen)}
    return render(request, "prune/host.html", context, status=form.answer if form is not None else 200)


@require_POST
def restore(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    return _job(request, operations.restore_image(require(request, Permission.HOST_PRUNE), host, engine_id))


@require_POST
def remove(request: HttpRequest, host: str, engine_id: str) -> HttpResponse:
    return _job(request, operations.remove_held(require(request, Permission.HOST_PRUNE), host, engine_id))


def _planned(found: Any, days: int) -> dict[str, Any]:
    try:
        plan = plan_for(found, older_than_days=days, now=timezone.now())
    except Unavailable as error:
        return {"silence": str(error)}
    return {
        "groups": groups_of(plan),
        "items": "\n".join(item.token for item in plan.items),
        "kept": plan.kept[:200],
        "cli": prune_commands(days),
    }


def _job(request: HttpRequest, job: Job) -> HttpResponse:
    usage.forget(job.host.address)
    title = _("%(kind)s: %(name)s") % {"kind": kind_name(job.kind), "name": job.on_name}
    return job_answer(request, number=job.number, title=title, link=reverse("jobs:job", args=[job.number]))
