from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.containers.again import run_again
from console.containers.specs.given import spec_of_inputs
from console.containers.specs.inputs import inputs_of
from console.hosts.queries import visible_hosts
from console.images.again import build_again
from console.jobs.models import Job
from console.jobs.queries import find_named
from console.jobs.telling import inputs_told
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Permission
from console.operations.policy import may, may_somewhere
from console.schedules.asking import require_may_ask
from console.schedules.forms import INPUTS, ScheduleForm, zones
from console.schedules.kinds import SCHEDULABLE
from console.schedules.models import Schedule
from console.schedules.operations import (
    change_schedule,
    create_schedule,
    delete_schedule,
    pause_schedule,
    resume_schedule,
    run_now,
)
from console.schedules.queries import firings_of, get_schedule, visible_schedules
from console.schedules.times import Times
from console.web.forms import Form
from console.web.permits import require
from console.web.rendering import go_to, job_answer, page_or_part
from console.web.states import kind_name
from console.web.tables import table_of
from console.workspaces.queries import choice_of, workspaces_for

SORTABLE = {"name": "name", "kind": "kind", "owner": "owner_name", "state": "state"}
NEXT_TIMES = 5
FIRINGS = 25


@require_safe
def schedules(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.SCHEDULE_VIEW)
    choice = choice_of(actor, request.GET.get("workspace", "")[:40])
    rows = visible_schedules(actor, workspace=choice.chosen)
    table = table_of(request, rows, sortable=SORTABLE, default="name")
    context = {"table": table, "choice": choice, "kinds": SCHEDULABLE}
    return page_or_part(request, "schedules/list.html", "schedules/_rows.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.SCHEDULE_MANAGE)
    earlier = find_named(actor, request.GET.get("from", ""))
    kinds = [name for name, what in SCHEDULABLE.items() if may_somewhere(actor, what.permission)]
    asked = request.POST.get("kind") or request.GET.get("kind") or next(iter(kinds), "image.build")
    kind = earlier.kind if earlier is not None else asked
    if kind not in SCHEDULABLE:
        raise Missing(_("There is nothing like that to be scheduled."))
    require(request, SCHEDULABLE[kind].permission)
    initial: dict[str, Any] = {"time_zone": timezone.get_current_timezone_name(), "missed": "skip"}
    form = ScheduleForm(request.POST or None, initial=initial, prefix="s")
    inputs = _inputs_form(request, actor, kind, initial=_given(actor, earlier))
    if request.method == "POST" and form.is_valid() and inputs.is_valid():
        given = dict(inputs.cleaned_data)
        try:
            made = create_schedule(
                actor, kind=kind, host_name=given.pop("host"), inputs=_plain(given), **form.cleaned_data
            )
        except (Invalid, Conflict, Denied, Missing) as error:
            _blame(form, inputs, error)
        else:
            return redirect("schedules:schedule", made.pk)
    return _form_page(request, form, inputs, kind=kind, kinds=kinds)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, schedule_id: int) -> HttpResponse:
    actor = require(request, Permission.SCHEDULE_VIEW)
    schedule = get_schedule(actor, schedule_id)
    require(request, Permission.SCHEDULE_MANAGE, on=schedule)
    require_may_ask(actor, schedule)
    form = ScheduleForm(request.POST or None, initial=ScheduleForm.values(schedule), prefix="s")
    inputs = _inputs_form(request, actor, schedule.kind, initial=_shown(actor, schedule))
    if request.method == "POST" and form.is_valid() and inputs.is_valid():
        given = {name: value for name, value in inputs.cleaned_data.items() if name not in ("host", "workspace")}
        try:
            change_schedule(actor, schedule_id, inputs=_plain(given), **form.cleaned_data)
        except (Invalid, Conflict, Denied, Missing) as error:
            _blame(form, inputs, error)
        else:
            messages.success(request, _("Saved. It runs in your name from now on."))
            return redirect("schedules:schedule", schedule_id)
    return _form_page(request, form, inputs, kind=schedule.kind, kinds=(), schedule=schedule)


@require_safe
def schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    actor = require(request, Permission.SCHEDULE_VIEW)
    found = get_schedule(actor, schedule_id)
    shows_env = may(actor, Permission.CONTAINER_SECRETS, on=found)
    context = {
        "schedule": found,
        "times": found.times.after(timezone.now(), count=NEXT_TIMES) if found.is_active else [],
        "firings": firings_of(found)[:FIRINGS],
        "inputs": inputs_told(found.inputs, shows_env=shows_env),
        "work": SCHEDULABLE[found.kind].permission.value if found.kind in SCHEDULABLE else "",
    }
    return page_or_part(request, "schedules/schedule.html", "schedules/_facts.html", context)


@never_cache
@require_safe
def times(request: HttpRequest) -> HttpResponse:
    """The next times of an expression that is being typed."""
    require(request, Permission.SCHEDULE_VIEW)
    context: dict[str, Any] = {}
    if not request.GET.get("s-cron", "").strip():
        return render(request, "schedules/_times.html", context)
    try:
        found = Times.parse(request.GET.get("s-cron", ""), request.GET.get("s-time_zone", ""))
        context["times"] = found.after(timezone.now(), count=NEXT_TIMES)
    except Invalid as error:
        context["problem"] = str(error)
    return render(request, "schedules/_times.html", context)


@require_POST
def pause(request: HttpRequest, schedule_id: int) -> HttpResponse:
    pause_schedule(Actor.of_request(request), schedule_id)
    return go_to(request, reverse("schedules:schedule", args=[schedule_id]))


@require_POST
def resume(request: HttpRequest, schedule_id: int) -> HttpResponse:
    resume_schedule(Actor.of_request(request), schedule_id)
    messages.success(request, _("It goes on, in your name."))
    return go_to(request, reverse("schedules:schedule", args=[schedule_id]))


@require_POST
def run(request: HttpRequest, schedule_id: int) -> HttpResponse:
    job = run_now(Actor.of_request(request), schedule_id)
    title = _("%(kind)s: %(name)s") % {"kind": kind_name(job.kind), "name": job.on_name}
    return job_answer(request, number=job.number, title=title, link=reverse("jobs:job", args=[job.number]))


@require_POST
def delete(request: HttpRequest, schedule_id: int) -> HttpResponse:
    delete_schedule(Actor.of_request(request), schedule_id)
    messages.success(request, _("The schedule is deleted. Its jobs stay."))
    return go_to(request, reverse("schedules:list"))


def _inputs_form(request: HttpRequest, actor: Actor, kind: str, *, initial: Mapping[str, Any]) -> Form:
    workspaces = workspaces_for(actor, SCHEDULABLE[kind].permission)
    choices = {
        "hosts": [host.name for host in visible_hosts(actor)],
        "workspaces": [workspace.slug for workspace in workspaces],
    }
    return INPUTS[kind](request.POST or None, **choices, initial=dict(initial))


def _form_page(
    request: HttpRequest,
    form: ScheduleForm,
    inputs: Form,
    *,
    kind: str,
    kinds: Sequence[str],
    schedule: Schedule | None = None,
) -> HttpResponse:
    context = {"form": form, "inputs": inputs, "kind": kind, "kinds": kinds, "zones": zones(), "schedule": schedule}
    status = max(form.answer, inputs.answer)
    return render(request, "schedules/form.html", context, status=status)


def _blame(form: ScheduleForm, inputs: Form, error: Invalid | Conflict | Denied | Missing) -> None:
    """At the field of whichever of the two has it."""
    if isinstance(error, Missing):
        inputs.add_error(None, str(error))
        return
    field = "" if isinstance(error, Denied) else error.field
    # "name" is a container's in one, the schedule's in the other
    is_inputs = field in inputs.fields and not (field == "name" and not form.cleaned_data["name"].strip())
    (inputs if is_inputs else form).blame(error)


def _given(actor: Actor, earlier: Job | None) -> Mapping[str, Any]:
    """The inputs of an earlier job, as the form has them."""
    if earlier is None:
        return {}
    if earlier.kind == "container.run":
        return run_again(earlier, with_env=may(actor, Permission.CONTAINER_SECRETS, on=earlier))
    if earlier.kind == "image.build":
        return build_again(earlier)
    return {"host": earlier.host.name, "name": earlier.on_name}


def _shown(actor: Actor, schedule: Schedule) -> Mapping[str, Any]:
    """What the form shows of a schedule's inputs."""
    place = {"host": schedule.host.name, "workspace": schedule.workspace.slug}
    if schedule.kind != "container.run":
        return {**schedule.inputs, **place}
    given = {name: value for name, value in schedule.inputs.items() if name not in ("name", "workspace")}
    shown = {**inputs_of(spec_of_inputs(given)), "name": schedule.inputs.get("name", ""), **place}
    return shown if may(actor, Permission.CONTAINER_SECRETS, on=schedule) else {**shown, "env": ""}


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value not in (None, "", [], {})}
