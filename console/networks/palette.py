"""Networks for the command palette."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from console.networks.queries import NetworkFilter, visible_networks
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import policy
from console.web.hits import MOST_OF_A_KIND, Hit, finds, matches


@finds
def networks(actor: Actor, words: str) -> Iterator[Hit]:
    if not words:
        return
    for network in visible_networks(actor, NetworkFilter(text=words))[:MOST_OF_A_KIND]:
        url = reverse("networks:network", args=[network.host.name, network.key])
        yield Hit(network.name, _("Network on %(host)s") % {"host": network.host.name}, url, "network")


@finds
def pages(actor: Actor, words: str) -> Iterator[Hit]:
    known = (
        (_("Topology"), "networks:topology", "sitemap", "topology networks", Permission.NETWORK_VIEW),
        (_("New network"), "networks:new", "plus", "new network create", Permission.NETWORK_MANAGE),
        (_("Prune networks"), "networks:prune", "trash", "prune networks", Permission.NETWORK_MANAGE),
    )
    wanted = [page for page in known if words and matches(words, page[0], page[3])]
    access = policy().access_of(actor) if wanted else None
    for title, name, icon, _also, permission in wanted:
        if access is not None and access.somewhere(permission):
            yield Hit(title, _("Page"), reverse(name), icon)
