"""Request bodies: strict JSON into msgspec Structs, with errors that name the field.

Go's encoding/json, which clients were written against, takes null for "not said"; so do we. It also takes duplicate
keys, trailing data and any depth; we refuse those, because two readers of one body could understand it differently.
"""

import json
import re
from typing import Any, TypeVar

import msgspec

from engine.model.errors import Invalid, TooLarge

MOST_BYTES = 4 << 20
_DEEPEST = 64
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_T = TypeVar("_T")


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``, without its null members. Raises Invalid or TooLarge."""
    if len(body) > MOST_BYTES:
        raise TooLarge(f"request body is larger than {MOST_BYTES} bytes")
    if not body.strip():
        raise Invalid("invalid JSON: got EOF while reading request body: it is empty")
    _check_depth(body)
    try:
        # as text: of bytes, json would also take UTF-16
        value = json.loads(body.decode(), object_pairs_hook=_members, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise Invalid(f"invalid JSON: not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise Invalid(f"invalid JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except (ValueError, RecursionError) as error:  # an integer of more than 4300 digits
        raise Invalid("invalid JSON: a number is too long") from error
    if not isinstance(value, dict):
        raise Invalid(f"invalid JSON: expected an object, got {type(value).__name__}")
    return value


def decode(value: object, as_type: type[_T]) -> _T:
    """``value`` (from ``parse_object``) as a Struct; unknown members are left out, see ``unknown_members``."""
    try:
        return msgspec.convert(value, as_type, strict=True)
    except msgspec.ValidationError as error:
        raise Invalid(f"invalid JSON: {_in_dockers_words(str(error))}") from error


def spelled(value: dict[str, Any], struct: type[msgspec.Struct]) -> dict[str, Any]:
    """``value`` with the Struct's spelling of its own members, not those within: Go's encoding/json does not mind case,
    and some clients have grown used to it. Raises Invalid for a member that is there in two spellings.
    """
    known = {name.lower(): name for name in struct.__struct_encode_fields__}
    members = {known.get(name.lower(), name): member for name, member in value.items()}
    if len(members) != len(value):
        twice = next(name for name in members if sum(each.lower() == name.lower() for each in value) > 1)
        raise Invalid(f"invalid JSON: {twice[:80]!r} is given twice")
    return members


def unknown_members(value: dict[str, Any], struct: type[msgspec.Struct], *, known: tuple[str, ...] = ()) -> list[str]:
    """Names in ``value`` that neither the Struct nor ``known`` has."""
    return sorted(value.keys() - set(struct.__struct_encode_fields__) - set(known))


def pascal(name: str) -> str:
    """Docker's spelling of a member, as ``rename="pascal"`` makes it."""
    return "".join(part.capitalize() for part in name.split("_"))


def _in_dockers_words(text: str) -> str:
    """msgspec says "Expected `int`, got `str` - at `$.HostConfig.Memory`"; clients look for the field first."""
    what, _, path = text.partition(" - at `$")
    return f"{path.strip('`.') or 'body'}: {what[0].lower()}{what[1:]}" if path else text


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid(f"invalid JSON: {twice[:80]!r} is given twice")
    return {name: value for name, value in pairs if value is not None}


def _check_depth(body: bytes) -> None:
    if body.count(b"{") + body.count(b"[") <= _DEEPEST:
        return
    depth = 0
    for token in _TOKEN.finditer(body):
        mark = token.group()
        depth += (mark in (b"{", b"[")) - (mark in (b"}", b"]"))
        if depth > _DEEPEST:
            raise Invalid(f"invalid JSON: nested more than {_DEEPEST} deep")


def _refuse_constant(name: str) -> object:
    raise Invalid(f"invalid JSON: {name} is not a JSON number")
