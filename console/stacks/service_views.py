"""Pages of one service, and of how many containers the services have."""

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from console.containers.links import linked_ports
from console.operations.errors import ConsoleError, Invalid
from console.operations.permissions import Permission
from console.stacks.models import Stack
from console.stacks.operations import plan_scaling, scale_stack
from console.stacks.planning.plans import Action
from console.stacks.queries import get_stack
from console.stacks.services import ever_of, get_service
from console.timeline.queries import latest_of
from console.web.permits import require
from console.web.rendering import go_to, page_or_part

SHOWN = 20
# names of fields are this and the service's
FIELD = "r."
LEAST_MOST = 10


@require_safe
def service(request: HttpRequest, stack_id: int, name: str) -> HttpResponse:
    actor = require(request, Permission.STACK_VIEW)
    stack = get_stack(actor, stack_id)
    found = get_service(actor, stack, name)
    context = {
        "stack": stack,
        "hosts": [stack.host],
        "service": found,
        "ports": linked_ports(request, stack.host, found.ports),
        "field": f"{FIELD}{name}",
        "most": most_of(found.wanted),
        "entries": latest_of(actor, ever_of(stack, name), limit=SHOWN),
    }
    return page_or_part(request, "stacks/service.html", "stacks/_service_facts.html", context)


def most_of(count: int) -> int:
    """The end of a slider at ``count``; by number there can be more."""
    return max(LEAST_MOST, count * 2)


@require_http_methods(["GET", "HEAD", "POST"])
def scale(request: HttpRequest, stack_id: int) -> HttpResponse:
    """How many of each, and what other numbers would do; by POST, with that plan's digest, it is done."""
    actor = require(request, Permission.STACK_VIEW)
    stack = get_stack(actor, stack_id)
    require(request, Permission.CONTAINER_SCALE, on=stack)
    if request.method == "POST":
        digest = request.POST.get("plan", "")[:64] or "none"
        job = scale_stack(actor, stack_id, replicas=given_in(request.POST), plan_digest=digest)
        return go_to(request, reverse("jobs:job", args=[job.number]))
    context: dict[str, Any] = {"stack": stack, "error": "", "fields": []}
    try:
        asked = given_in(request.GET)
        context |= {"fields": _fields(stack, asked)}
        if asked:
            prepared = plan_scaling(actor, stack_id, replicas=asked)
            done = [step for step in prepared.plan.steps if step.action is not Action.KEEP]
            kept = len(prepared.plan.steps) - len(done)
            context |= {"plan": prepared.plan, "warnings": prepared.warnings, "steps": done, "kept": kept}
    except ConsoleError as error:
        context["error"] = str(error)
        return render(request, "stacks/scale.html", context, status=error.status)
    return render(request, "stacks/scale.html", context)


def given_in(data: QueryDict) -> dict[str, int]:
    """Numbers by service. Invalid for what is no number."""
    found = {}
    for key, text in data.items():
        if key.startswith(FIELD):
            if not (str(text).isdecimal() and len(str(text)) < 6):
                raise Invalid(_("Give a number from 0 to 1000."), field="replicas")
            found[key.removeprefix(FIELD)] = int(str(text))
    return found


def _fields(stack: Stack, asked: dict[str, int]) -> list[dict[str, Any]]:
    """A row for each service of the release that runs."""
    current = stack.current
    if current is None:
        return []
    return [
        {
            "name": name,
            "field": f"{FIELD}{name}",
            "now": one.replicas,
            "value": asked.get(name, one.replicas),
            "most": most_of(max(one.replicas, asked.get(name, 0))),
        }
        for name, one in current.project.services.items()
    ]
