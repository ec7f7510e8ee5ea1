"""``RUN --mount=type=…,key=value,…``: what the words mean. Pure; ``mounting`` lays the mounts down.

Keys and defaults as the Dockerfile reference has them ("RUN --mount").
"""

import csv
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine.model.errors import Invalid, Unsupported

_MODE = re.compile(r"[0-7]{1,5}")
_SIZE = re.compile(r"([0-9]{1,18})([kmgt]?)i?b?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,10}")
_LARGEST_ID: Final = 2**32 - 3  # above are the numbers that chown(2) and overlayfs give a meaning of their own
_ALIASES: Final = {"dst": "target", "destination": "target", "src": "source", "readonly": "ro", "readwrite": "rw"}
_SWITCHES: Final = ("ro", "rw", "required")


class Kind(StrEnum):
    BIND = "bind"
    CACHE = "cache"
    TMPFS = "tmpfs"
    SECRET = "secret"  # noqa: S105 - the type's name


class Sharing(StrEnum):
    """What a second step gets that wants a cache in use: the same, one of its own, or it after the first."""

    SHARED = "shared"
    PRIVATE = "private"
    LOCKED = "locked"


_KEYS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.BIND: ("target", "source", "from", "ro", "rw"),
    Kind.CACHE: ("target", "source", "from", "id", "ro", "rw", "sharing", "mode", "uid", "gid"),
    Kind.TMPFS: ("target", "size"),
    Kind.SECRET: ("target", "source", "id", "required", "mode", "uid", "gid", "env"),
}


@dataclass(frozen=True, slots=True)
class MountText:
    """The words of one ``--mount``, by key; variables are not expanded yet. ``text`` is the whole."""

    text: str
    kind: Kind
    words: Mapping[str, str]

    @property
    def source_stage(self) -> str:
        return self.words.get("from", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMount:
    """``target`` is absolute; "" for a secret that only ``env`` shows. ``source`` is a path inside ``source_stage``,
    which is a stage or an image, "" the build context (bind) or nothing (cache)."""

    kind: Kind
    target: str
    source: str = ""
    source_stage: str = ""
    read_only: bool = False
    id: str = ""
    sharing: Sharing = Sharing.SHARED
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    size_bytes: int = 0
    is_required: bool = False
    env: str = ""

    @property
    def facts(self) -> str:
        """All that was asked for, for a cache key. A secret's value is no part of it."""
        return repr(self)


def parse_mount(text: str) -> MountText:
    """Raises Invalid; Unsupported for ``type=ssh``. Values without variables are checked as well."""
    words = _words(text)
    kind_text = words.pop("type", Kind.BIND)
    if kind_text == "ssh":
        raise Unsupported(
            "RUN --mount=type=ssh is not supported: the classic builder has no session that could carry an agent; "
            "pass a key as a secret (type=secret) instead"
        )
    if kind_text not in set(Kind):
        raise Invalid(f'unsupported mount type "{kind_text[:80]}": use {", ".join(Kind)}')
    kind = Kind(kind_text)
    for key in words:
        if key not in _KEYS[kind]:
            raise Invalid(f"unexpected key '{key[:80]}' for mount type '{kind}': it takes {', '.join(_KEYS[kind])}")
    if "$" in words.get("from", ""):
        raise Invalid("'from' doesn't support variable expansion, define alias stage instead")
    mount = MountText(text, kind, words)
    if "$" not in text:
        resolve_mount(mount, str, working_dir="/")
    return mount


def resolve_mount(mount: MountText, expanded: Callable[[str], str], *, working_dir: str) -> RunMount:
    """With its variables expanded; a relative target is below ``working_dir``. Raises Invalid."""
    words = {key: value if key in ("from", *_SWITCHES) else expanded(value) for key, value in mount.words.items()}
    sharing = words.get("sharing", Sharing.SHARED)
    if sharing not in set(Sharing):
        raise Invalid(f"sharing={sharing[:80]}: use {', '.join(Sharing)}")
    target = _target(mount.kind, words, working_dir)
    is_secret = mount.kind is Kind.SECRET
    return RunMount(
        kind=mount.kind,
        target=target,
        source=words.get("source", "") if not is_secret else "",
        source_stage=words.get("from", ""),
        read_only=_is_read_only(mount.kind, words),
        id=_id(mount.kind, words, target),
        sharing=Sharing(sharing),
        mode=_mode(words.get("mode", "0400" if is_secret else "0755")),
        uid=_owner("uid", words.get("uid", "0")),
        gid=_owner("gid", words.get("gid", "0")),
        size_bytes=_size(words["size"]) if "size" in words else 0,
        is_required=_switch("required", words.get("required", "false")),
        env=_env_name(words.get("env", "")),
    )


def _words(text: str) -> dict[str, str]:
    try:
        fields = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise Invalid(f"invalid mount {text[:80]!r}: {error}") from error
    words: dict[str, str] = {}
    for field in fields:
        key, equals, value = field.partition("=")
        key = _ALIASES.get(key.strip().lower(), key.strip().lower())
        if not equals and key not in _SWITCHES:
            raise Invalid(f"invalid field '{field[:80]}' must be a key=value pair")
        if key in words:
            raise Invalid(f"mount {text[:80]!r} says {key} twice")
        words[key] = value if equals else "true"
    return words


def _target(kind: Kind, words: Mapping[str, str], working_dir: str) -> str:
    target = words.get("target", "")
    if not target and kind is Kind.SECRET:
        if words.get("env"):
            return ""
        name = posixpath.basename(words.get("id") or words.get("source", ""))
        if not name or name in (".", ".."):
            raise Invalid("a secret mount needs an id or a target")
        target = f"/run/secrets/{name}"
    if not target:
        raise Invalid("target is required")
    path = "/" + posixpath.normpath(posixpath.join("/", working_dir, target)).lstrip("/")
    if path == "/":
        raise Invalid('invalid mount target "/"')
    return path


def _id(kind: Kind, words: Mapping[str, str], target: str) -> str:
    if kind is Kind.CACHE:
        return words.get("id") or target
    if kind is Kind.SECRET:
        return words.get("id") or posixpath.basename(words.get("source", "") or target)
    return ""


def _is_read_only(kind: Kind, words: Mapping[str, str]) -> bool:
    ro = _switch("ro", words["ro"]) if "ro" in words else None
    rw = _switch("rw", words["rw"]) if "rw" in words else None
    if ro is not None and rw is not None and ro == rw:
        raise Invalid("a mount cannot be ro and rw at once")
    if ro is not None:
        return ro
    return not rw if rw is not None else kind in (Kind.BIND, Kind.SECRET)


def _switch(key: str, text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise Invalid(f"invalid value for {key}: {text[:80]}: use true or false")
    return text.lower() in ("true", "1")


def _mode(text: str) -> int:
    if not _MODE.fullmatch(text) or int(text, 8) > 0o7777:
        raise Invalid(f"invalid value {text[:80]} for mode: use octal digits, 0 to 7777")
    return int(text, 8)


def _owner(key: str, text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > _LARGEST_ID:
        raise Invalid(f"invalid value {text[:80]} for {key}: use a number from 0 to {_LARGEST_ID}")
    return int(text)


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise Invalid(f"invalid value {text[:80]} for size: use bytes, or a number with k, m, g or t")
    return int(match[1]) << 10 * " kmgt".index(match[2].lower() or " ")


def _env_name(text: str) -> str:
    if "=" in text or "\0" in text:
        raise Invalid(f"invalid value {text[:80]!r} for env: it is no variable's name")
    return text
