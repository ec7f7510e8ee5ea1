"""Build arguments: what ARG declared, what the request gave, and in which scope a name has a value.

Scopes as in the Dockerfile reference, "Understand how ARG and FROM interact": an ARG before the first FROM serves the
FROM lines only, until a stage repeats its name without a default.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from engine.model.errors import Invalid
from engine.model.platform import Platform

_PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
SOURCE_DATE_EPOCH = "SOURCE_DATE_EPOCH"  # dates what is made, whether or not an ARG shows it to a stage
PREDEFINED = frozenset(_PROXY_NAMES) | frozenset(name.lower() for name in _PROXY_NAMES)


class BuildArguments:
    """The arguments of one whole build; ``stage()`` gives each stage its own scope."""

    def __init__(self, given: Mapping[str, str | None], *, automatic: Mapping[str, str] | None = None) -> None:
        self._given = {name: value for name, value in given.items() if value is not None}
        self._names = frozenset(given)
        self._global: dict[str, str | None] = dict(automatic or {})
        self._declared: set[str] = set(self._global)

    def declare_global(self, name: str, default: str | None) -> None:
        """An ARG before the first FROM."""
        self._global[name] = default
        self._declared.add(name)

    def global_values(self) -> dict[str, str]:
        """What FROM lines, and later global ARGs, may refer to."""
        values = {name: self._given.get(name, default) for name, default in self._global.items()}
        return {name: value for name, value in values.items() if value is not None}

    def unused(self) -> list[str]:
        """Given arguments that no ARG asked for, sorted."""
        return sorted(self._names - self._declared - PREDEFINED - {SOURCE_DATE_EPOCH})

    def stage(self) -> "StageArguments":
        return StageArguments(self._given, self._global, self._declared)


class StageArguments:
    """The arguments of one stage, growing as its ARG instructions are met."""

    def __init__(self, given: Mapping[str, str], global_: Mapping[str, str | None], declared: set[str]) -> None:
        self._given = given
        self._global = global_
        self._all_declared = declared
        self._declared: dict[str, str | None] = {}

    def declare(self, name: str, default: str | None) -> None:
        self._declared[name] = default
        self._all_declared.add(name)

    def values(self, *, hidden_by: Iterable[str] = ()) -> dict[str, str]:
        """Names with their values, sorted; what ``hidden_by`` (the environment) already has is left out."""
        hidden = frozenset(hidden_by)
        found = {name: self._value(name) for name in sorted(self._declared.keys() | PREDEFINED) if name not in hidden}
        return {name: value for name, value in found.items() if value is not None}

    def recorded(self, values: Mapping[str, str]) -> dict[str, str]:
        """Those of ``values`` that belong into history and cache: a proxy only when an ARG asked for it."""
        return {name: value for name, value in values.items() if name in self._declared or name not in PREDEFINED}

    def _value(self, name: str) -> str | None:
        if name in self._given:
            return self._given[name]
        default = self._declared.get(name)
        return default if default is not None else self._global.get(name)


def parse_epoch(text: str | None) -> datetime | None:
    """``SOURCE_DATE_EPOCH``, seconds since 1970 (reproducible-builds.org); None when not given. Raises Invalid."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 11):
        raise Invalid(f"buildargs: {SOURCE_DATE_EPOCH}={text[:80]!r}: expected whole seconds since 1970")
    return datetime.fromtimestamp(int(text), UTC)


def platform_arguments(*, target: Platform, machine: Platform) -> dict[str, str]:
    """The automatic platform ARGs in the global scope; a stage sees them once it declares them."""
    values: dict[str, str] = {}
    for prefix, platform in (("TARGET", target), ("BUILD", machine)):
        values[f"{prefix}PLATFORM"] = str(platform)
        values[f"{prefix}OS"] = platform.os
        values[f"{prefix}ARCH"] = platform.architecture
        values[f"{prefix}VARIANT"] = platform.variant
    return values
