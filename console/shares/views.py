"""Links for others: the list, and making one, whose address is in that answer and in no other."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.containers.queries import get_container, require_logs
from console.jobs.queries import get_job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.shares import operations
from console.shares.forms import ShareForm
from console.shares.queries import visible_shares
from console.web.permits import require
from console.web.rendering import page_or_part
from console.web.tables import table_of

SORTABLE = {"made": "pk", "expires": "expires_at"}


@require_safe
def shares(request: HttpRequest) -> HttpResponse:
    rows = visible_shares(Actor.of_request(request))
    table = table_of(request, rows, sortable=SORTABLE, default="-made")
    return page_or_part(request, "shares/list.html", "shares/_rows.html", {"table": table})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def container_log(request: HttpRequest, host: str, name: str) -> HttpResponse:
    actor = require(request, Permission.CONTAINER_VIEW)
    container = get_container(actor, host, name)
    require_logs(actor, container)
    return _new(
        request,
        lambda hours, note: operations.share_container_log(actor, host, name, hours=hours, note=note),
        {"container": container},
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def job_output(request: HttpRequest, number: int) -> HttpResponse:
    actor = require(request, Permission.JOB_VIEW)
    return _new(
        request,
        lambda hours, note: operations.share_job_output(actor, number, hours=hours, note=note),
        {"job": get_job(actor, number)},
    )


def _new(
    request: HttpRequest, make: Callable[[int, str], operations.IssuedShare], shown: dict[str, object]
) -> HttpResponse:
    form = ShareForm(request.POST or None)
    issued = None
    if form.is_valid():
        try:
            issued = make(form.cleaned_data["hours"], form.cleaned_data["note"])
        except (Invalid, Conflict) as error:
            form.blame(error)
    link = request.build_absolute_uri(issued.path) if issued is not None else ""
    context = {**shown, "form": form, "issued": issued, "link": link}
    return render(request, "shares/new.html", context, status=form.answer)


@require_POST
def revoke(request: HttpRequest, share_id: int) -> HttpResponse:
    operations.revoke_share(Actor.of_request(request), share_id)
    messages.success(request, _("The link is revoked."))
    return redirect("shares:list")
