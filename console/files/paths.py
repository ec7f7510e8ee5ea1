"""Paths inside containers, as people name them. Pure.

A name of a file may be any bytes: those that are no UTF-8 are surrogates here (``os.fsdecode``), are percent-encoded in
addresses, and cannot be named to jobs, whose arguments a database keeps.
"""

import posixpath
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

MOST_BYTES = 4096
MOST_NAME_BYTES = 255
MOST_FIELDS = 50


def asked_path(query: str, *, default: str = "/") -> str:
    """``path`` of a query as it came in the address, cleaned. Raises Invalid (path)."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Invalid(_("There are too many parameters."), field="path") from error
    return clean_path(dict(pairs).get("path") or default)


def clean_path(text: str, *, field: str = "path") -> str:
    """Absolute, without ``.``, ``..`` and double slashes. Raises Invalid."""
    if not text.startswith("/"):
        raise Invalid(_("A path in a container begins with “/”."), field=field)
    try:
        size = len(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError as error:
        raise Invalid(_("This is no text: it holds a zero byte or half a character."), field=field) from error
    if "\0" in text or size > MOST_BYTES:
        raise Invalid(_("A path has at most 4096 bytes, none of them zero."), field=field)
    return posixpath.normpath("/" + text.lstrip("/"))


def nameable(text: str, *, field: str = "path") -> str:
    """A clean path that a job can be given. Raises Invalid."""
    path = clean_path(text, field=field)
    if not is_text(path):
        raise Invalid(_("The name of this file is no UTF-8. It can be looked at and downloaded only."), field=field)
    return path


def file_name(text: str, *, field: str) -> str:
    """One name in a directory. Raises Invalid."""
    is_plain = text not in ("", ".", "..") and "/" not in text and "\0" not in text and is_text(text)
    if not is_plain or len(text.encode()) > MOST_NAME_BYTES:
        raise Invalid(_("A name has 1 to 255 bytes and no “/”."), field=field)
    if text.startswith(".wh."):
        raise Invalid(_("Names that begin with “.wh.” mean something to image layers and cannot be used."), field=field)
    return text


def is_text(path: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in path)


def joined(directory: str, name: str) -> str:
    return posixpath.join(directory, name)


def quoted(path: str) -> str:
    """For the query of an address."""
    return quote(path, safe="/", errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    path: str


def steps(path: str) -> list[Step]:
    """The directories on the way to ``path`` and itself, the root first."""
    found, reached = [Step("/", "/")], ""
    for name in filter(None, path.split("/")):
        reached = f"{reached}/{name}"
        found.append(Step(name, reached))
    return found
