"""Hosts for the command palette: what runs on one."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from console.hosts.queries import visible_hosts
from console.operations.actor import Actor
from console.web.hits import MOST_OF_A_KIND, Hit, finds


@finds
def hosts(actor: Actor, words: str) -> Iterator[Hit]:
    if not words:
        return
    for host in visible_hosts(actor).filter(name__icontains=words)[:MOST_OF_A_KIND]:
        under = _("Host, %(state)s") % {"state": host.get_state_display()}
        yield Hit(host.name, under, f"{reverse('containers:list')}?host={host.name}", "server")
