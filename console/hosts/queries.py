"""Reading hosts. Needs host.view."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import may


def visible_hosts(actor: Actor) -> QuerySet[Host]:
    return Host.objects.order_by("name") if may(actor, Permission.HOST_VIEW) else Host.objects.none()


def get_host(actor: Actor, name: str) -> Host:
    host = visible_hosts(actor).filter(name=name).first()
    if host is None:
        raise Missing(_("There is no host “%(name)s”.") % {"name": name})
    return host
