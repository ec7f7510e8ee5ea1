"""Query parameters: booleans, numbers, filters and JSON values, with errors that name the parameter."""

import json
from collections.abc import Mapping
from typing import Final, NoReturn

from engine.model.errors import Invalid
from engine.wire.json_body import parse_object
from engine.wire.text import check_text, shown
from engine.wire.times import moment_ns

_FALSE: Final = ("", "0", "no", "false", "none")  # moby, api/server/httputils/form.go
_LARGEST: Final = 2**63 - 1
_MOST_FILTERS: Final = 1000


class Query:
    """One request's parameters. A parameter given without a value counts as not given, as in Docker."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str = "", *, longest: int = 4096) -> str:
        return check_text(name, self._values.get(name) or default, longest=longest)

    def flag(self, name: str, *, default: bool = False) -> bool:
        if name not in self._values:
            return default
        return self._values[name].strip().lower() not in _FALSE

    def number(self, name: str, default: int = 0, *, least: int = -1, most: int = _LARGEST) -> int:
        found = self.find_number(name, least=least, most=most)
        return default if found is None else found

    def find_number(self, name: str, *, least: int = -1, most: int = _LARGEST) -> int | None:
        text = self._values.get(name, "")
        if not text:
            return None
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and least <= int(text) <= most):
            raise Invalid(f"{name}: {shown(text)} is not a whole number from {least} to {most}")
        return int(text)

    def find_moment_ns(self, name: str) -> int | None:
        text = self._values.get(name, "")
        return moment_ns(name, text) if text else None

    def string_map(self, name: str) -> dict[str, str]:
        """A JSON object of strings."""
        return {key: value for key, value in self.nullable_map(name).items() if value is not None}

    def nullable_map(self, name: str) -> dict[str, str | None]:
        text = self._values.get(name, "")
        if not text:
            return {}
        try:
            parse_object(text.encode("utf-8", "surrogatepass"))  # its rules: no duplicates, not too deep
        except Invalid as error:
            raise Invalid(f"{name}: {error}") from error
        value = json.loads(text)
        for key, member in value.items():
            if member is not None and not isinstance(member, str):
                raise Invalid(f"{name}: {shown(key)} must be a string")
            check_text(name, key)
            check_text(name, member or "", lines=True)
        return dict(value)

    def string_list(self, name: str) -> tuple[str, ...]:
        """A JSON list of strings; ``null`` and nothing are the empty one."""
        text = self._values.get(name, "")
        if not text:
            return ()
        try:
            # within an object, for the rules of one; what leaves it is no list
            whole = parse_object(b'{"list": %s}' % text.encode("utf-8", "surrogatepass"))
        except Invalid as error:
            raise Invalid(f"{name}: {error}") from error
        value = whole.get("list", []) if whole.keys() <= {"list"} else None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Invalid(f"{name}: expected a JSON list of strings")
        return tuple(check_text(name, item) for item in value)

    def filters(self, *, known: tuple[str, ...]) -> "Filters":
        text = self._values.get("filters", "")
        return Filters.parse(text, known=known) if text else Filters({})


class Filters:
    """``filters``: several values of one key are alternatives, several keys must all hold."""

    def __init__(self, values: Mapping[str, tuple[str, ...]]) -> None:
        self._values = values

    @classmethod
    def parse(cls, text: str, *, known: tuple[str, ...]) -> "Filters":
        """``{"key": ["value"]}``, or ``{"key": {"value": true}}`` as clients before 1.22 write it."""
        try:
            raw = parse_object(text.encode("utf-8", "surrogatepass"))
        except Invalid as error:
            raise Invalid(f"invalid filters: {error}") from error
        values = {}
        for key, given in raw.items():
            if key not in known:
                raise Invalid(f"invalid filter '{check_text('filters', key, longest=80)}'")
            chosen = [value for value, wanted in given.items() if wanted] if isinstance(given, dict) else given
            if not isinstance(chosen, list) or not all(isinstance(value, str) for value in chosen):
                _refuse(key, given)
            if len(chosen) > _MOST_FILTERS:
                raise Invalid(f"invalid filter '{key}': more than {_MOST_FILTERS} values")
            values[key] = tuple(check_text(f"filters: {key}", value) for value in chosen)
        return cls(values)

    def __contains__(self, key: str) -> bool:
        return bool(self._values.get(key))

    def get(self, key: str) -> tuple[str, ...]:
        return self._values.get(key, ())

    def flag(self, key: str) -> bool | None:
        """None when not given. Raises Invalid unless the values agree on true or false."""
        answers = set()
        for value in self.get(key):
            if value.lower() not in ("1", "0", "true", "false"):
                _refuse(key, value)
            answers.add(value.lower() in ("1", "true"))
        if len(answers) > 1:
            _refuse(key, list(self.get(key)))
        return answers.pop() if answers else None

    def match_labels(self, labels: Mapping[str, str], *, key: str = "label") -> bool:
        """Labels are the exception: all of them must hold. ``name`` or ``name=value``."""
        for wanted in self.get(key):
            name, has_value, value = wanted.partition("=")
            if name not in labels or (has_value and labels[name] != value):
                return False
        return True


def _refuse(key: str, value: object) -> NoReturn:
    raise Invalid(f"invalid filter '{key}={str(value)[:80]}'")
