"""What may be looked at to make room: hosts over which host.prune is held, and what is held back on them.

A workspace's grant covers none of it: what lies on a host is of all its workspaces.
"""

from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.hosts.queries import present_hosts
from console.images.usage import uses_of
from console.operations.actor import Actor
from console.operations.errors import Missing, Unavailable
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded
from console.prune.keeping import kept_images
from console.prune.models import Quarantined
from console.prune.planning import Plan, plan

# a page waits longer for what is looked at before things go
PATIENCE_S = 10.0


def prunable_hosts(actor: Actor) -> QuerySet[Host]:
    return bounded(actor, Permission.HOST_PRUNE, present_hosts().order_by("name"), Paths(host="pk"))


def get_prunable(actor: Actor, name: str) -> Host:
    host = prunable_hosts(actor).filter(name=name).first()
    if host is None:
        raise Missing(_("There is no host “%(name)s”.") % {"name": name})
    return host


def visible_quarantined(actor: Actor) -> QuerySet[Quarantined]:
    """The next to go first, hosts along."""
    rows = Quarantined.objects.select_related("host").order_by("until", "pk")
    return bounded(actor, Permission.HOST_PRUNE, rows, Paths(host="host_id"))


def get_quarantined(actor: Actor, host_name: str, engine_id: str) -> Quarantined:
    """By the id's first 12 or more digits."""
    rows = visible_quarantined(actor).filter(host__name=host_name)
    found = rows.filter(engine_id__startswith=engine_id).first() if len(engine_id) >= 12 else None
    if found is None:
        raise Missing(_("There is no image “%(id)s” in quarantine.") % {"id": engine_id[:80]})
    return found


def plan_for(host: Host, *, older_than_days: int, now: datetime) -> Plan:
    """What could go from it now. Unavailable when its engine does not tell in time."""
    use = uses_of([host], patience_s=PATIENCE_S)[host.name]
    if use is None:
        raise Unavailable(_("The engine of “%(name)s” does not tell what takes room there.") % {"name": host.name})
    return plan(use, older_than_days=older_than_days, now=now, released=kept_images(host))
