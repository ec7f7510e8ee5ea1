"""Events as ``GET /events`` streams them, and which of them a client wants."""

from collections.abc import Collection
from typing import Any, Final

from engine.model.errors import Invalid
from engine.model.events import Event
from engine.model.reference import Reference
from engine.wire.query import Filters

FILTERS: Final = (
    *("config", "container", "daemon", "event", "image", "label", "network"),
    *("node", "plugin", "scope", "secret", "service", "type", "volume"),
)
_OF_KIND: Final = ("config", "daemon", "network", "node", "plugin", "secret", "service", "volume")


def encode_event(event: Event) -> dict[str, Any]:
    """With ``status``, ``id`` and ``from``, which older clients read, for containers and images."""
    legacy: dict[str, str] = {}
    if event.kind in ("container", "image"):
        legacy = {"status": event.action, "id": event.actor_id}
        if event.kind == "container":
            legacy["from"] = event.attributes.get("image", "")
    return legacy | {
        "Type": event.kind,
        "Action": event.action,
        "Actor": {"ID": event.actor_id, "Attributes": dict(event.attributes)},
        "scope": "local",
        "time": event.at_ns // 1_000_000_000,
        "timeNano": event.at_ns,
    }


def is_wanted(event: Event, filters: Filters) -> bool:
    if "type" in filters and event.kind not in filters.get("type"):
        return False
    if "event" in filters and not _is_action(event.action, filters.get("event")):
        return False
    if "scope" in filters and "local" not in filters.get("scope"):
        return False
    return filters.match_labels(event.attributes) and _is_about(event, filters)


def _is_action(action: str, wanted: Collection[str]) -> bool:
    """Actions that tell more behind a colon ("exec_start: sh -c true") are asked for with or without that."""
    return action in wanted or action.partition(":")[0] in wanted


def _is_about(event: Event, filters: Filters) -> bool:
    name = event.attributes.get("name", "")
    if "container" in filters and not (
        event.kind == "container" and _begins(event.actor_id, name, filters, "container")
    ):
        return False
    if "image" in filters and not (
        event.kind in ("image", "container") and _image_names(event) & set(filters.get("image"))
    ):
        return False
    return all(
        event.kind == kind and _begins(event.actor_id, name, filters, kind) for kind in _OF_KIND if kind in filters
    )


def _begins(actor_id: str, name: str, filters: Filters, key: str) -> bool:
    """Docker takes the beginning of a name too (daemon/events/filter.go, fuzzyMatchName)."""
    return any(actor_id.startswith(text) or name.startswith(text.removeprefix("/")) for text in filters.get(key))


def _image_names(event: Event) -> set[str]:
    """The image's id and names, with and without the tag."""
    text = event.attributes.get("name" if event.kind == "image" else "image", "")
    names = {text, event.actor_id} if event.kind == "image" else {text}
    try:
        reference = Reference.parse(text)
    except Invalid:
        return names
    return names | {reference.familiar, reference.familiar_name, reference.with_default_tag().familiar}
