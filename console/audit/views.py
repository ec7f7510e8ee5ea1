from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from console.audit.exports import FORMATS, lines
from console.audit.forms import AuditFilterForm
from console.audit.observations import check
from console.audit.operations import note_checking, note_reading
from console.audit.queries import get_entry, integrity, latest_check, recorded_actions, visible_entries
from console.operations.errors import Invalid
from console.operations.permissions import Permission
from console.web.permits import require
from console.web.rendering import is_htmx, page_or_part
from console.web.streaming import in_pieces
from console.web.tables import table_of

SORTABLE = {"at": "seq", "who": "actor_name", "action": "action", "outcome": "outcome"}


@require_safe
def entries(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.AUDIT_VIEW)
    form = AuditFilterForm(request.GET, actions=recorded_actions(actor))
    wanted = form.wanted()
    if not is_htmx(request) and not request.GET.get("after"):
        note_reading(actor, wanted)
    table = table_of(request, visible_entries(actor, wanted), sortable=SORTABLE, default="-at")
    context = {"table": table, "form": form, "check": latest_check(actor)}
    return page_or_part(request, "audit/list.html", "audit/_rows.html", context)


@require_safe
def entry(request: HttpRequest, seq: int) -> HttpResponse:
    actor = require(request, Permission.AUDIT_VIEW)
    return render(request, "audit/entry.html", {"entry": get_entry(actor, seq)})


@require_safe
def export(request: HttpRequest, form: str) -> StreamingHttpResponse:
    """All entries that the list's filters leave, oldest first."""
    actor = require(request, Permission.AUDIT_VIEW)
    if form not in FORMATS:
        raise Invalid(_("The log can be had as csv or jsonl."))
    wanted = AuditFilterForm(request.GET, actions=recorded_actions(actor)).wanted()
    note_reading(actor, wanted, as_file=form)
    found = visible_entries(actor, wanted).order_by("seq").iterator(chunk_size=1000)
    response = StreamingHttpResponse(in_pieces(lines(found, form=form)), content_type=FORMATS[form])
    name = f"audit-{timezone.now():%Y-%m-%d}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
def integrity_page(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.AUDIT_VIEW)
    return render(request, "audit/integrity.html", integrity(actor))


@require_POST
def check_now(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.AUDIT_VIEW)
    note_checking(actor)
    check()
    return redirect("audit:integrity")
