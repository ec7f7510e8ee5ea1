"""How the console looks to a person: what can be chosen. Pure."""

from collections.abc import Mapping
from datetime import tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.conf import settings
from django.utils.translation import gettext as _

from console.operations.errors import Invalid

THEMES = ("system", "light", "dark")
DENSITIES = ("comfortable", "compact")
MOST_TABLES = 50
LONGEST = 60


@cache
def time_zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def zone_of(name: str) -> tzinfo | None:
    """None for none, and for one that this machine does not know any more."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def checked_settings(chosen: Mapping[str, Any], *, hidden_columns: Mapping[str, list[str]]) -> dict[str, Any]:
    """Fields of User and their new values. ``table`` and ``hidden`` together change the columns of one table;
    ``hidden_columns`` can only be given as ``{}``: all are shown again.

    Invalid names the field.
    """
    given = dict(chosen)
    allowed = {
        "theme": ("", *THEMES),
        "density": ("", *DENSITIES),
        "language": ("", *(code for code, _name in settings.LANGUAGES)),
        "time_zone": ("", *time_zones()),
        "hidden_columns": ({},),
    }
    checked: dict[str, Any] = {}
    if "table" in given:
        checked["hidden_columns"] = _columns(hidden_columns, given.pop("table"), given.pop("hidden"))
    for name, value in given.items():
        if value not in allowed[name]:
            raise Invalid(_("“%(entry)s” does not fit here.") % {"entry": str(value)[:80]}, field=name)
        checked[name] = value
    return checked


def _columns(known: Mapping[str, list[str]], table: str, hidden: list[str]) -> dict[str, list[str]]:
    words = [table, *hidden]
    if len(hidden) > LONGEST or any(not word or len(word) > LONGEST for word in words):
        raise Invalid(_("“%(entry)s” does not fit here.") % {"entry": table[:80]}, field="hidden")
    changed = {name: columns for name, columns in known.items() if name != table}
    if hidden:
        changed[table] = sorted(set(hidden))
    # the oldest go: what a table is called changes with the console
    return dict(list(changed.items())[-MOST_TABLES:])
