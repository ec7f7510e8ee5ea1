"""Who uses an image: each app whose things do registers how to find out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from console.images.models import Image
from console.operations.actor import Actor


@dataclass(frozen=True, slots=True)
class ImageUser:
    """``state`` in the words of web.states; ``link`` is a path of the console. One that is not in sight has no name."""

    name: str
    state: str
    link: str = ""


# by primary key of the image
Found = Mapping[int, Sequence[ImageUser]]
Find = Callable[[Actor, Sequence[Image]], Found]

_finders: list[Find] = []


def finds_users(find: Find) -> Find:
    """Register ``def find(actor, images)``, which takes as many queries for one image as for a page of them."""
    if find not in _finders:
        _finders.append(find)
    return find


def users_of(actor: Actor, images: Iterable[Image]) -> dict[int, list[ImageUser]]:
    given = list(images)
    found: dict[int, list[ImageUser]] = {image.pk: [] for image in given}
    for find in _finders:
        for pk, users in find(actor, given).items():
            found[pk] += users
    return found
