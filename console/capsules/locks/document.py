"""The file ``env.lock``: a JSON document, sorted and indented, so that two of them can be compared line by line."""

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from console.capsules.locks.hashing import canonical, digest_of
from console.operations.errors import Invalid

FORMAT = "naru.env-lock/1"
FIELD = "lock"
MOST_BYTES = 4 << 20
MOST_DEPTH = 16
SALT = re.compile(r"[0-9a-f]{32}")
SECTIONS = ("services", "networks", "volumes")


@dataclass(frozen=True, slots=True)
class Lock:
    """``environment`` (services, networks, volumes) is what the fingerprint is of, together with the salt.

    ``secrets``: hashes by name. ``about`` is for people: the stack's name, its release, when it was made, names of
    images by service.
    """

    salt: str
    environment: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.salt, self.environment)

    def document(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "salt": self.salt,
            "about": self.about,
            "environment": self.environment,
            "secrets": self.secrets,
        }

    def text(self) -> str:
        return json.dumps(self.document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def fingerprint_of(salt: str, environment: Mapping[str, Any]) -> str:
    """ "sha256:" and 64 hex digits."""
    return digest_of(canonical({"format": FORMAT, "salt": salt, "environment": environment}))


def parse_lock(content: bytes) -> Lock:
    """Invalid (``lock``) for what is none, is of another version, or was changed since its fingerprint was taken."""
    document = _decoded(content)
    if document.get("format") != FORMAT:
        raise Invalid(_("This is no env.lock of the format “%(format)s”.") % {"format": FORMAT}, field=FIELD)
    salt = document.get("salt")
    if not isinstance(salt, str) or not SALT.fullmatch(salt):
        raise _wrong("salt", _("32 hex digits"))
    lock = Lock(salt, _environment(document), _texts(document, "secrets"), _object(document, "about"))
    if not hmac.compare_digest(str(document.get("fingerprint")).encode(), lock.fingerprint.encode()):
        raise Invalid(_("Its fingerprint is not that of what it says: it was changed."), field=FIELD)
    return lock


def _environment(document: Mapping[str, Any]) -> dict[str, Any]:
    environment = _object(document, "environment")
    if set(environment) != set(SECTIONS):
        raise _wrong("environment", ", ".join(SECTIONS))
    for section in SECTIONS:
        for name in _object(environment, section):
            _object(environment[section], name)
    return environment


def _decoded(content: bytes) -> dict[str, Any]:
    if len(content) > MOST_BYTES:
        raise Invalid(_("An env.lock has at most 4 MiB."), field=FIELD)
    try:
        found = json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Invalid(_("This is no JSON document: %(why)s") % {"why": str(error)[:200]}, field=FIELD) from error
    if not isinstance(found, dict) or _depth(found) > MOST_DEPTH:
        raise Invalid(_("This is no env.lock of the format “%(format)s”.") % {"format": FORMAT}, field=FIELD)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _depth(value: Any) -> int:
    """Without recursion: whoever wrote it chose how deep it goes."""
    deepest, left = 0, [(value, 1)]
    while left:
        one, depth = left.pop()
        deepest = max(deepest, depth)
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        left += [(entry, depth + 1) for entry in inner]
    return deepest


def _object(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    if not isinstance(found, dict):
        raise _wrong(name, "{…}")
    return found


def _texts(document: Mapping[str, Any], name: str) -> dict[str, str]:
    found = _object(document, name)
    if not all(isinstance(value, str) for value in found.values()):
        raise _wrong(name, "{name: text}")
    return found


def _wrong(name: str, wanted: str) -> Invalid:
    words = {"name": name[:80], "wanted": wanted}
    return Invalid(_("“%(name)s” is not what it should be: %(wanted)s.") % words, field=FIELD)
