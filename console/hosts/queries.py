"""Reading hosts: those on which host.view is held, by a grant on the host or for a workspace that may use it."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded
from console.workspaces.queries import workspaces_for

PATHS = Paths(host="pk", host_name="name")


def present_hosts() -> QuerySet[Host]:
    """All but those that were removed."""
    return Host.objects.filter(removed_at=None)


def visible_hosts(actor: Actor) -> QuerySet[Host]:
    return bounded(actor, Permission.HOST_VIEW, present_hosts().order_by("name"), PATHS)


def places_for(actor: Actor, permission: Permission) -> dict[str, list[str]]:
    """Where something new can be made and for whom, as a form offers it: names of hosts, slugs of workspaces."""
    return {
        "hosts": [host.name for host in visible_hosts(actor)],
        "workspaces": [workspace.slug for workspace in workspaces_for(actor, permission)],
    }


def get_host(actor: Actor, name: str) -> Host:
    host = visible_hosts(actor).filter(name=name).first()
    if host is None:
        raise Missing(_("There is no host “%(name)s”.") % {"name": name})
    return host
