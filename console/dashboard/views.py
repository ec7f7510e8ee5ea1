from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from console.containers.queries import visible_containers
from console.dashboard.queries import counts
from console.hosts.queries import visible_hosts
from console.images.jobs import STARTER_DOCKERFILE
from console.jobs.queries import visible_jobs
from console.operations.actor import Actor
from console.schedules.queries import troubled_schedules
from console.web.rendering import page_or_part

ROWS = 6
TROUBLED = 3


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    context = {
        "counts": counts(actor),
        "hosts": list(visible_hosts(actor)),
        "jobs": visible_jobs(actor)[:ROWS],
        "containers": visible_containers(actor)[:ROWS],
        "starter": STARTER_DOCKERFILE,
        "troubled": troubled_schedules(actor)[:TROUBLED],
    }
    return page_or_part(request, "dashboard/overview.html", "dashboard/_overview.html", context)
