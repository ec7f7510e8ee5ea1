"""What differs between two specifications, in words. Values of the environment are not among them."""

from dataclasses import dataclass
from typing import Any

from console.containers.specs.inputs import inputs_of
from console.containers.specs.spec import NAMES, ContainerSpec


@dataclass(frozen=True, slots=True)
class Difference:
    """A line for each entry; empty where nothing is asked for."""

    name: str
    before: str
    after: str


def differences(before: ContainerSpec, after: ContainerSpec) -> list[Difference]:
    old, new = inputs_of(before), inputs_of(after)
    found = [Difference(name, _words(old.get(name)), _words(new.get(name))) for name in NAMES if name != "env"]
    changed = [one for one in found if one.before != one.after]
    return changed + _of_env(before, after)


def _words(value: Any) -> str:
    return "" if value is None or value is False else "✓" if value is True else str(value)


def _of_env(before: ContainerSpec, after: ContainerSpec) -> list[Difference]:
    names = {name for name in before.env.keys() | after.env.keys() if before.env.get(name) != after.env.get(name)}
    if not names:
        return []
    # a value that is another one is told by an ellipsis
    had, has = ("\n".join(f"{name}=…" for name in sorted(names) if name in spec.env) for spec in (before, after))
    return [Difference("env", had, has)]
