from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from console.dashboard.queries import changes, counts, jobs_to_show, troubled_containers
from console.hosts.queries import visible_hosts
from console.images.jobs import STARTER_DOCKERFILE
from console.operations.actor import Actor
from console.schedules.queries import troubled_schedules
from console.stats.capacity import states_of
from console.web.keyset import first_of
from console.web.rendering import page_or_part

ROWS = 8
TROUBLED = 3
# beyond that a list of hosts says more
MOST_HOSTS = 12


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    hosts = list(visible_hosts(actor))
    states = states_of(hosts[:MOST_HOSTS])
    context = {
        "counts": counts(actor),
        "hosts": hosts,
        "states": states,
        "pressed": [state for state in states if state.disk_tone],
        "silent": sum(host.is_stale for host in hosts),
        "jobs": jobs_to_show(actor, ROWS),
        "troubles": first_of(troubled_containers(actor), ROWS),
        "changes": changes(actor, ROWS),
        "starter": STARTER_DOCKERFILE,
        "troubled": troubled_schedules(actor)[:TROUBLED],
    }
    return page_or_part(request, "dashboard/overview.html", "dashboard/_overview.html", context)
