from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from console.audit.forms import AuditFilterForm
from console.audit.queries import get_entry, recorded_actions, visible_entries
from console.operations.permissions import Permission
from console.web.permits import require
from console.web.rendering import page_or_part
from console.web.tables import table_of

SORTABLE = {"at": "seq", "who": "actor_name", "action": "action", "outcome": "outcome"}


@require_safe
def entries(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.AUDIT_VIEW)
    form = AuditFilterForm(request.GET, actions=recorded_actions(actor))
    table = table_of(request, visible_entries(actor, form.wanted()), sortable=SORTABLE, default="-at")
    return page_or_part(request, "audit/list.html", "audit/_rows.html", {"table": table, "form": form})


@require_safe
def entry(request: HttpRequest, seq: int) -> HttpResponse:
    actor = require(request, Permission.AUDIT_VIEW)
    return render(request, "audit/entry.html", {"entry": get_entry(actor, seq)})
