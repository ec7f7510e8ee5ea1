from django.http import HttpRequest
from ninja import Path, Query, Router

from console.hosts.queries import get_host
from console.operations.permissions import Permission
from console.rest.door import actor_of
from console.rest.schemas import Name, Slug
from console.stats.capacity import states_of
from console.stats.latest import latest_of
from console.stats.queries import container_history, get_container_for_stats, host_history
from console.stats.schemas import ContainerStatsShown, HostStatsShown, SpanQuery
from console.web.permits import require_held

router = Router()


@router.get("containers/{host}/{name}/stats", response=ContainerStatsShown)
def get_container_stats(
    request: HttpRequest, host: Path[Slug], name: Path[Name], wanted: Query[SpanQuery]
) -> ContainerStatsShown:
    """What it uses and has used, by samples of ten seconds."""
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    container = get_container_for_stats(actor, host, name)
    latest = latest_of(container.host.name)
    use = None if latest.is_stale else latest.containers.get(container.engine_id)
    return ContainerStatsShown.of(use, container_history(container, wanted.span))


@router.get("hosts/{host}/stats", response=HostStatsShown)
def get_host_stats(request: HttpRequest, host: Path[Slug], wanted: Query[SpanQuery]) -> HostStatsShown:
    """What its machine uses and has used, and what is promised to containers."""
    found = get_host(require_held(actor_of(request), Permission.HOST_VIEW), host)
    (state,) = states_of([found], with_sparks=False)
    return HostStatsShown.of(state, host_history(found, wanted.span))
