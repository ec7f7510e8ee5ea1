"""Volumes for the command palette."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import policy
from console.volumes.queries import VolumeFilter, visible_volumes
from console.web.hits import MOST_OF_A_KIND, Hit, finds, matches


@finds
def volumes(actor: Actor, words: str) -> Iterator[Hit]:
    if not words:
        return
    for volume in visible_volumes(actor, VolumeFilter(text=words))[:MOST_OF_A_KIND]:
        url = reverse("volumes:volume", args=[volume.host.name, volume.key])
        yield Hit(volume.shown_name, _("Volume on %(host)s") % {"host": volume.host.name}, url, "database")


@finds
def pages(actor: Actor, words: str) -> Iterator[Hit]:
    known = (
        (_("Backups"), "backups:list", "archive", "backups", Permission.VOLUME_VIEW),
        (_("New volume"), "volumes:new", "plus", "new volume create", Permission.VOLUME_MANAGE),
        (_("Prune volumes"), "volumes:prune", "trash", "prune volumes", Permission.VOLUME_REMOVE),
    )
    wanted = [page for page in known if words and matches(words, page[0], page[3])]
    access = policy().access_of(actor) if wanted else None
    for title, name, icon, _also, permission in wanted:
        if access is not None and access.somewhere(permission):
            yield Hit(title, _("Page"), reverse(name), icon)
