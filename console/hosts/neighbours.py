"""Containers as networks and volumes show them, which know nothing of that app: it registers how they are found."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from console.hosts.models import Host
from console.operations.actor import Actor
from console.operations.policy import NOWHERE, Place


@dataclass(frozen=True, slots=True)
class Neighbour:
    """``workspace`` is its slug. ``ports``: those published, as Container.ports."""

    engine_id: str
    name: str
    url: str
    state: str
    is_alive: bool
    image: str = ""
    workspace: str = ""
    ports: tuple[dict[str, object], ...] = ()
    place: Place = field(default=NOWHERE)


# the present containers of a host that the actor may see, by the engine's ids: all of them, or only those asked for
Finds = Callable[[Actor, Host, Iterable[str] | None], Mapping[str, Neighbour]]
_finders: list[Finds] = []


def shows_containers(find: Finds) -> Finds:
    """Register the one function that finds them."""
    _finders.append(find)
    return find


def neighbours(actor: Actor, host: Host, engine_ids: Iterable[str] | None = None) -> dict[str, Neighbour]:
    """Of those asked for, or of all, the ones that the actor may see."""
    return {key: one for find in _finders for key, one in find(actor, host, engine_ids).items()}


def find_neighbour(actor: Actor, host: Host, name: str) -> Neighbour | None:
    """By name, or by the id's first 12 or more digits."""
    known = neighbours(actor, host)
    by_id = (one for key, one in known.items() if len(name) >= 12 and key.startswith(name))
    return next((one for one in known.values() if one.name == name), None) or next(by_id, None)
