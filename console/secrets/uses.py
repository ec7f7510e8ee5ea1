"""Who uses a secret: each app that lets something refer to one registers how to find out."""

from collections.abc import Callable, Iterable

from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.secrets.models import Secret

# names of things as pages show them; one that the actor cannot see is UNSEEN
Find = Callable[[Actor, Secret], Iterable[str]]
UNSEEN = "?"

_finders: list[Find] = []


def finds_uses(find: Find) -> Find:
    """Register ``def find(actor, secret)``."""
    if find not in _finders:
        _finders.append(find)
    return find


def uses_of(actor: Actor, secret: Secret) -> list[str]:
    """In words, each once. What the actor cannot see is counted, not named."""
    found = [name for find in _finders for name in find(actor, secret)]
    unseen = found.count(UNSEEN)
    named = sorted(set(found) - {UNSEEN})
    return [*named, _("%(n)d more that you cannot see") % {"n": unseen}] if unseen else named
