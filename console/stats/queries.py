"""Reading use: of containers where container.stats is held besides container.view, of hosts where host.view is."""

import math
import time
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from console.containers.models import Container
from console.containers.queries import get_container, get_container_by_pk
from console.hosts.models import Host
from console.operations.actor import Actor
from console.operations.errors import Denied
from console.operations.permissions import Permission
from console.operations.policy import may
from console.stats.latest import container_ring, host_ring
from console.stats.rings import TIERS, Ring


class Span(StrEnum):
    """How far back. The names are those of addresses."""

    HOUR = "1h"
    HOURS = "6h"
    DAY = "24h"

    @property
    def tier(self) -> int:
        return list(Span).index(self)


@dataclass(frozen=True, slots=True)
class History:
    """Columns of one length: ``at_s``, and by name what was used. Where samples are missing stands one row of None.

    Peaks have "_peak" after their name.
    """

    step_s: int
    at_s: list[int]
    columns: dict[str, list[float | None]]

    @property
    def is_empty(self) -> bool:
        return not self.at_s


def get_container_for_stats(actor: Actor, host_name: str, name: str) -> Container:
    """Missing as for any container; Denied where it may be seen, but not what it uses."""
    return require_stats(actor, get_container(actor, host_name, name))


def get_container_for_stats_by_pk(actor: Actor, container_id: int) -> Container:
    return require_stats(actor, get_container_by_pk(actor, container_id))


def require_stats(actor: Actor, container: Container) -> Container:
    wanted = Permission.CONTAINER_STATS
    if not may(actor, wanted, on=container):
        raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)
    return container


def container_history(container: Container, span: Span) -> History:
    return history_of(container_ring(container.host.name, container.engine_id), span)


def host_history(host: Host, span: Span) -> History:
    return history_of(host_ring(host.name), span)


def history_of(ring: Ring, span: Span, *, until_s: int | None = None) -> History:
    tier = TIERS[span.tier]
    until_s = int(time.time()) if until_s is None else until_s
    names = [*ring.layout.names, *(f"{name}_peak" for name in ring.layout.peaks)]
    at_s: list[int] = []
    rows: list[list[float | None]] = []
    for sample in ring.read(span.tier, until_s - tier.span_s, until_s):
        if at_s and sample.at_s - at_s[-1] > tier.step_s:
            at_s.append(at_s[-1] + tier.step_s)
            rows.append([None] * len(names))
        at_s.append(sample.at_s)
        rows.append([None if math.isnan(value) else round(value, 3) for value in sample.values])
    return History(tier.step_s, at_s, {name: [row[place] for row in rows] for place, name in enumerate(names)})
