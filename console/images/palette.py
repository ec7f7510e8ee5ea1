"""Images for the command palette."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from console.images.queries import images_like
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import may_somewhere
from console.web.hits import MOST_OF_A_KIND, Hit, finds, matches


@finds
def images(actor: Actor, words: str) -> Iterator[Hit]:
    if not words:
        return
    for image in images_like(actor, words)[:MOST_OF_A_KIND]:
        url = reverse("images:image", args=[image.host.name, image.short_id])
        yield Hit(str(image), _("Image on %(host)s") % {"host": image.host.name}, url, "stack-2")


@finds
def pages(actor: Actor, words: str) -> Iterator[Hit]:
    title = _("Build an image")
    if words and matches(words, title, "build image new") and may_somewhere(actor, Permission.IMAGE_BUILD):
        yield Hit(title, _("Page"), reverse("builds:new"), "hammer")
