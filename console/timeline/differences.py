"""What two shapes of a container differ in, as facts that are kept: ``{"what": "limits.memory", "from": …, "to": …}``.

Of lists and of environment variables there is what came and went: ``{"what": "env", "added": […], "removed": […]}``.
Values of variables are in no shape, so a variable whose value alone changed is no difference. Pure.
"""

from collections.abc import Mapping
from typing import Any

from console.hosts.shape import Shape, settings_of

MOST = 40
# of no interest to people, or told by what they follow from
LEFT_OUT = frozenset({"hostname"})
WITH_PARTS = frozenset({"limits", "security", "check"})

Difference = dict[str, Any]


def differences(before: Shape, after: Shape) -> list[Difference]:
    """Empty where one of the two is not known."""
    if not before or not after:
        return []
    old, new = _flat(settings_of(before)), _flat(settings_of(after))
    found = [_between(what, old.get(what), new.get(what)) for what in sorted(old.keys() | new.keys())]
    return [difference for difference in found if difference is not None][:MOST]


def image_difference(before: tuple[str, str], after: tuple[str, str]) -> list[Difference]:
    """By (reference, id). The same name may mean another image by now."""
    named = [{"what": "image", "from": before[0], "to": after[0]}] if before[0] != after[0] else []
    if before[1] and after[1] and before[1] != after[1]:
        named.append({"what": "digest", "from": before[1][:12], "to": after[1][:12]})
    return named


def _flat(shape: Shape) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for what, value in shape.items():
        if what in LEFT_OUT:
            continue
        if what in WITH_PARTS and isinstance(value, Mapping):
            flat |= {f"{what}.{part}": inner for part, inner in value.items()}
        else:
            flat[what] = value
    return flat


def _between(what: str, old: Any, new: Any) -> Difference | None:
    if old == new or (not old and not new):
        return None
    is_command = what in ("command", "entrypoint", "check.test")
    if is_command:
        return {"what": what, "from": " ".join(map(str, old or ())), "to": " ".join(map(str, new or ()))}
    if isinstance(old or new, list | dict):
        before, after = _entries(old), _entries(new)
        added = [entry for entry in after if entry not in before]
        removed = [entry for entry in before if entry not in after]
        return {"what": what, "added": added[:MOST], "removed": removed[:MOST]} if added or removed else None
    return {"what": what, "from": old if old is not None else "", "to": new if new is not None else ""}


def _entries(value: Any) -> list[str]:
    """One text for each, as people would write it."""
    if isinstance(value, Mapping):
        return [f"{key}={inner}" if inner else str(key) for key, inner in value.items()]
    return [_written(entry) for entry in value or ()]


def _written(entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return str(entry)
    if "target" in entry:
        source = entry.get("name") or entry.get("source") or entry.get("kind")
        return f"{source}:{entry['target']}" + ("" if entry.get("is_writable") else ":ro")
    aliases = f" ({', '.join(entry['aliases'])})" if entry.get("aliases") else ""
    return f"{entry.get('name', '')}{aliases}"
