"""The list of links for the command palette."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.web.hits import Hit, finds, matches


@finds
def pages(_actor: Actor, words: str) -> Iterator[Hit]:
    title = _("Shared links")
    if words and matches(words, title, "shared links share"):
        yield Hit(title, _("Page"), reverse("shares:list"), "share")
