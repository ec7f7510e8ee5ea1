from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path, Query, Router

from console.jobs.api import job_accepted
from console.jobs.schemas import JobShown
from console.operations.permissions import Permission
from console.prune import operations
from console.prune.queries import get_prunable, plan_for, visible_quarantined
from console.prune.schemas import PlanQuery, PlanShown, PruneGiven, QuarantinedShown, QuarantineQuery
from console.rest.door import actor_of
from console.rest.schemas import Listing, Name, Slug, listing
from console.web.permits import require_held

router = Router()
HELD = "quarantine/{host}/{image_id}"


@router.get("hosts/{host}/prune", response=PlanShown)
def get_prune_plan(request: HttpRequest, host: Path[Slug], wanted: Query[PlanQuery]) -> PlanShown:
    """What could go and what stays, and why, as the host's engine tells it now."""
    found = get_prunable(require_held(actor_of(request), Permission.HOST_PRUNE), host)
    return PlanShown.of(plan_for(found, older_than_days=wanted.older_than_days, now=timezone.now()))


@router.post("hosts/{host}/prune", response={202: JobShown})
def prune_host(request: HttpRequest, response: HttpResponse, host: Path[Slug], given: PruneGiven) -> JobShown:
    """Have things of the plan go; images are held first. Asks for a proof. What is used by then stays."""
    actor = require_held(actor_of(request), Permission.HOST_PRUNE)
    return job_accepted(response, operations.prune_host(actor, host, **given.model_dump()))


@router.get("quarantine", response=Listing[QuarantinedShown])
def list_quarantined(request: HttpRequest, wanted: Query[QuarantineQuery]) -> Listing[QuarantinedShown]:
    """Images that are held, the next to go first."""
    rows = visible_quarantined(require_held(actor_of(request), Permission.HOST_PRUNE))
    if wanted.host:
        rows = rows.filter(host__name=wanted.host)
    return listing(rows, wanted, by="until", show=QuarantinedShown.of)


@router.post(f"{HELD}/restore", response={202: JobShown})
def restore_image(request: HttpRequest, response: HttpResponse, host: Path[Slug], image_id: Path[Name]) -> JobShown:
    """Give it its names again. Asks for a proof."""
    actor = require_held(actor_of(request), Permission.HOST_PRUNE)
    return job_accepted(response, operations.restore_image(actor, host, image_id))


@router.delete(HELD, response={202: JobShown})
def remove_quarantined(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], image_id: Path[Name]
) -> JobShown:
    """Have it go before its time. Asks for a proof."""
    actor = require_held(actor_of(request), Permission.HOST_PRUNE)
    return job_accepted(response, operations.remove_held(actor, host, image_id))
