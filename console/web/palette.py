"""Pages, by the words of the sidebar and by their addresses."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.policy import policy
from console.web.context import SECTIONS
from console.web.hits import Hit, finds, matches


@finds
def sections(actor: Actor, words: str) -> Iterator[Hit]:
    access = policy().access_of(actor)
    for section in SECTIONS:
        if section.permission is not None and not access.somewhere(section.permission):
            continue
        if matches(words, section.name, section.url_name, section.group):
            yield Hit(str(section.name), section.group or _("Page"), section.url, section.icon)


@finds
def own_pages(_actor: Actor, words: str) -> Iterator[Hit]:
    pages = (
        (_("Settings"), "account:settings", "adjustments", "settings theme language"),
        (_("Your account"), "account:home", "user", "account password"),
        (_("API tokens"), "tokens:own", "key", "tokens api"),
    )
    for title, name, icon, also in pages:
        if words and matches(words, title, also):
            yield Hit(title, _("Page"), reverse(name), icon)
