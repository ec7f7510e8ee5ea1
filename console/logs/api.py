from asgiref.sync import async_to_sync
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router

from console.containers.models import Container
from console.containers.queries import get_container, require_logs
from console.logs import searching
from console.logs.queries import MOST_SOURCES, kept_logs
from console.logs.schemas import FoundShown, KeptLogQuery, KeptLogShown, LogSearchQuery, LogSearchShown
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.operations.permissions import Permission
from console.rest.door import actor_of
from console.web.permits import require_held

router = Router()


@router.get("logs/search", response=LogSearchShown)
def search_logs(request: HttpRequest, wanted: Query[LogSearchQuery]) -> LogSearchShown:
    """Look for something in logs, where they are: at most 500 hits, 64 MiB and 20 seconds for each."""
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    containers = [_readable(actor, key) for key in _keys(wanted.containers)]
    found = async_to_sync(searching.search)([(one.host.address, one.engine_id) for one in containers], wanted.wanted)
    results = [FoundShown.of(one, its) for one, its in zip(containers, found, strict=True)]
    return LogSearchShown(results=results, searched_at=timezone.now())


@router.get("logs/kept", response=list[KeptLogShown])
def list_kept_logs(request: HttpRequest, wanted: Query[KeptLogQuery]) -> list[KeptLogShown]:
    """Logs of containers that are gone, as far as their engines keep them: of the last 30 days, 200 at most.

    Each is read as that of a container, by its id.
    """
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    return [KeptLogShown.of(one) for one in kept_logs(actor, wanted.choice)]


def _keys(text: str) -> list[str]:
    keys = list(dict.fromkeys(key.strip() for key in text.split(",") if key.strip()))
    if not 1 <= len(keys) <= MOST_SOURCES:
        raise Invalid(_("Name 1 to %(most)d containers.") % {"most": MOST_SOURCES}, field="containers")
    return keys


def _readable(actor: Actor, key: str) -> Container:
    host, slash, name = key.partition("/")
    if not slash:
        raise Invalid(_("Write “host/name”."), field="containers")
    container = get_container(actor, host, name)
    require_logs(actor, container)
    return container
