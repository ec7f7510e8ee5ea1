"""What hosts report, by kind. Each app registers in its ``observations.py`` what it does with the kinds it knows."""

from collections.abc import Callable
from typing import Any

Fact = dict[str, Any]
Observe = Callable[[str, Fact], None]

_observers: dict[str, list[Observe]] = {}


def observes(kind: str) -> Callable[[Observe], Observe]:
    """Register ``def observe(host_name, fact)``, which must be harmless to repeat."""

    def register(observe: Observe) -> Observe:
        _observers.setdefault(kind, []).append(observe)
        return observe

    return register


def observers(kind: str) -> list[Observe]:
    """Empty for a kind nobody knows: an agent may be newer than the console."""
    return _observers.get(kind, [])
