from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.jobs import output as outputs
from console.jobs.forms import JobFilterForm, RulesForm
from console.jobs.kinds import kind_names
from console.jobs.models import Job
from console.jobs.operations import cancel_job, change_job_rules, pin_job, retry_job, unpin_job
from console.jobs.queries import get_job, rules_of, visible_jobs
from console.jobs.telling import about, proof_of
from console.live.frames import poll_body
from console.live.topics import Chunk, Line
from console.operations.actor import Actor
from console.operations.errors import Denied, Unconfirmed
from console.operations.permissions import Permission
from console.web.keyset import first_of
from console.web.permits import require
from console.web.rendering import go_to, job_answer, page_or_part
from console.web.states import kind_name
from console.web.streaming import in_pieces
from console.web.tables import table_of
from console.workspaces.queries import choice_of, get_workspace

SORTABLE = {"number": "pk", "state": "state", "kind": "kind", "who": "actor_name", "target": "on_name"}
TRAY_ROWS = 8


@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.JOB_VIEW)
    form = JobFilterForm(request.GET, kinds=kind_names())
    wanted = form.wanted()
    table = table_of(request, visible_jobs(actor, wanted), sortable=SORTABLE, default="-number")
    context = {"table": table, "form": form, "choice": choice_of(actor, wanted.workspace)}
    return page_or_part(request, "jobs/list.html", "jobs/_rows.html", context)


@require_safe
def tray(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.JOB_VIEW)
    visible = visible_jobs(actor)
    if request.GET.get("part") == "count":
        return HttpResponse(visible.filter(state__in=Job.ACTIVE).count() or "")
    return render(request, "jobs/_tray.html", {"jobs": first_of(visible, TRAY_ROWS)})


@require_safe
def job(request: HttpRequest, number: int) -> HttpResponse:
    actor = require(request, Permission.JOB_VIEW)
    context = about(actor, get_job(actor, number))
    return page_or_part(request, "jobs/job.html", "jobs/_facts.html", context)


@never_cache
@require_safe
def output(request: HttpRequest, number: int) -> HttpResponse:
    """The lines after ``?since=``, for pages whose websocket is away."""
    found = get_job(require(request, Permission.JOB_VIEW), number)
    batch = outputs.read(found.number, since=request.GET.get("since"))
    lines = tuple(Line(text) for text in batch.lines)
    facts = {"state": str(found.state)} if batch.is_end else {}
    return JsonResponse(poll_body(Chunk(batch.cursor, lines, ended=batch.is_end, facts=facts)))


@require_safe
def download(request: HttpRequest, number: int) -> StreamingHttpResponse:
    found = get_job(require(request, Permission.JOB_VIEW), number)
    response = StreamingHttpResponse(in_pieces(outputs.whole(found.number)), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="job-{found.number}.txt"'
    return response


@require_POST
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    cancelled = cancel_job(Actor.of_request(request), number)
    title = _("Cancelling: %(kind)s") % {"kind": kind_name(cancelled.kind)}
    return job_answer(request, number=number, title=title, link=reverse("jobs:job", args=[number]))


@require_POST
def retry(request: HttpRequest, number: int) -> HttpResponse:
    again = retry_job(Actor.of_request(request), number)
    return go_to(request, reverse("jobs:job", args=[again.number]))


@require_POST
def pin(request: HttpRequest, number: int) -> HttpResponse:
    pin_job(Actor.of_request(request), number)
    return go_to(request, reverse("jobs:job", args=[number]))


@require_POST
def unpin(request: HttpRequest, number: int) -> HttpResponse:
    unpin_job(Actor.of_request(request), number)
    return go_to(request, reverse("jobs:job", args=[number]))


@never_cache
@require_safe
def proof(request: HttpRequest, number: int) -> HttpResponse:
    """Whether the output is what was sealed: the file is read for it, so the page asks once it is shown."""
    found = get_job(require(request, Permission.JOB_VIEW), number)
    return render(request, "jobs/_proof.html", {"job": found, "proof": proof_of(found)})


@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest, slug: str) -> HttpResponse:
    """How many jobs of a workspace run and wait, and how long they stay."""
    actor = require(request, Permission.WORKSPACE_VIEW)
    workspace = get_workspace(actor, slug)
    require(request, Permission.POLICY_VIEW, on=workspace)
    form = RulesForm(request.POST or None, initial=RulesForm.values(rules_of(workspace)))
    if form.is_valid():
        try:
            change_job_rules(actor, slug, **form.cleaned_data)
        except Denied as error:
            # it has to be asked for anew with a proof of who asks, by a page of its own
            if isinstance(error, Unconfirmed):
                raise
            form.blame(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("jobs:rules", slug)
    counts = {state: workspace.jobs.filter(state=state).count() for state in Job.ACTIVE}
    context = {"workspace": workspace, "form": form, "tab": "jobs", "counts": counts}
    return render(request, "jobs/rules.html", context, status=form.answer)
