"""Workspaces for the command palette."""

from collections.abc import Iterator

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.web.hits import MOST_OF_A_KIND, Hit, finds
from console.workspaces.queries import visible_workspaces


@finds
def workspaces(actor: Actor, words: str) -> Iterator[Hit]:
    if not words:
        return
    found = visible_workspaces(actor).filter(Q(slug__icontains=words) | Q(title__icontains=words))
    for workspace in found[:MOST_OF_A_KIND]:
        url = reverse("workspaces:workspace", args=[workspace.slug])
        yield Hit(workspace.slug, workspace.title or _("Workspace"), url, "folders")
