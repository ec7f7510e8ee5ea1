"""Something that happened to an object, as ``GET /events`` tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """``kind`` is container, image, builder, network, volume or daemon; ``action`` is Docker's word (``die``).

    ``at_ns`` counts nanoseconds since the epoch. ``attributes`` holds names and labels, already strings.
    """

    kind: str
    action: str
    actor_id: str
    at_ns: int
    attributes: Mapping[str, str] = field(default_factory=dict)
