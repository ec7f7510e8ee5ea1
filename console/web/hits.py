"""What the command palette finds. Each app registers its own in ``palette.py``; this knows only how they are asked.

A finder is given the words that were typed, and answers with what the person may see, bounded. The first hits are
those whose title is the words, then those that begin with them; verbs come before things, since who types "stop web"
means it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.utils.functional import Promise

from console.operations.actor import Actor

MOST_OF_A_KIND = 8
MOST = 30
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Hit:
    """``is_act``: it is done by POST to ``url``, after the question ``confirm`` where there is one."""

    title: str
    under: str | Promise
    url: str
    icon: str
    is_act: bool = False
    confirm: str = ""
    confirm_css: str = "btn-danger"
    # what of the title the words are compared with, where it says more than the name
    name: str = ""


# what there is for the words (never more than MOST_OF_A_KIND), or for none, the usual
Finder = Callable[[Actor, str], Iterable[Hit]]
_finders: list[Finder] = []


def finds(finder: Finder) -> Finder:
    _finders.append(finder)
    return finder


def hits_for(actor: Actor, text: str) -> list[Hit]:
    """The best first. Empty words find what finders hold for usual."""
    words = " ".join(text[:LONGEST].split())
    found = [hit for finder in _finders for hit in list(finder(actor, words))[:MOST_OF_A_KIND]]
    return sorted(found, key=lambda hit: _rank(hit, words.lower()))[:MOST]


def matches(words: str, *names: str | Promise) -> bool:
    """Whether each of the words is in one of the names."""
    whole = " ".join(str(name) for name in names).lower()
    return all(word in whole for word in words.lower().split())


def _rank(hit: Hit, words: str) -> tuple[int, int]:
    title = (hit.name or hit.title).lower()
    nearness = 0 if title == words else 1 if title.startswith(words) else 2
    return (nearness, 0 if hit.is_act else 1)
