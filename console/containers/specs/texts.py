"""Parts of a specification as words: on a command line, in a line of a form. Each function has its way back."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from console.containers.specs.spec import Join, Mount, MountKind
from console.operations.errors import Invalid

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
LARGEST_BYTES = 2**53
DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
DURATION_MS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
TMPFS = "tmpfs:"
PROPAGATIONS = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
# of --mount, in all its spellings
SOURCE, TARGET, READ_ONLY = ("source", "src"), ("target", "destination", "dst"), ("readonly", "ro")
YES, NO = frozenset({"", "true", "1"}), frozenset({"false", "0"})
ENCODED = re.compile(r"\$'(.*)'", re.DOTALL)
ESCAPES = {"\\n": "\n", "\\r": "\r", "\\\\": "\\", "\\'": "'"}


def _no(text: str, field: str) -> Invalid:
    return Invalid(_("“%(text)s” does not fit here.") % {"text": text[:200]}, field=field)


def read_size(text: str, *, field: str) -> int:
    """Bytes, as Docker reads them: ``512m`` is 512 · 1024 · 1024. ``-1`` is left to who asks."""
    match = SIZE.fullmatch(text.strip())
    size_bytes = int(float(match[1]) * UNITS[match[2].lower()]) if match else -1
    if not 0 <= size_bytes <= LARGEST_BYTES:
        raise Invalid(_("Write a size such as 512m or 2g."), field=field)
    return size_bytes


def size_text(size_bytes: int) -> str:
    for unit in ("g", "m", "k"):
        if size_bytes > 0 and size_bytes % UNITS[unit] == 0:
            return f"{size_bytes // UNITS[unit]}{unit}"
    return str(size_bytes)


def read_duration(text: str, *, field: str) -> int:
    """Milliseconds: ``1m30s``, ``500ms``."""
    text = text.strip()
    if text in ("", "0"):
        return 0
    parts = DURATION.findall(text)
    if not parts or "".join(amount + unit for amount, unit in parts) != text:
        raise Invalid(_("Write a time such as 30s or 1m30s."), field=field)
    return round(sum(float(amount) * DURATION_MS[unit] for amount, unit in parts))


def duration_text(ms: int) -> str:
    if not ms:
        return ""
    return f"{ms // 1000}s" if ms % 1000 == 0 else f"{ms}ms"


def cpus_text(cpus: float) -> str:
    return f"{cpus:.9f}".rstrip("0").rstrip(".")


# --- pairs, a line each ---


def read_pairs(text: str, *, field: str) -> dict[str, str]:
    """``NAME=value`` in each line; a value with line breaks is written ``$'first\\nsecond'``."""
    pairs: dict[str, str] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise Invalid(_("Line %(number)d has no “=”.") % {"number": number}, field=field)
        pairs[name.strip()] = _decoded(value)
    return pairs


def pairs_text(pairs: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={_encoded(value)}" for name, value in pairs.items())


def _encoded(value: str) -> str:
    if not {"\n", "\r"} & set(value) and not ENCODED.fullmatch(value):
        return value
    value = value.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + value.replace("\n", "\\n").replace("\r", "\\r") + "'"


def _decoded(value: str) -> str:
    match = ENCODED.fullmatch(value)
    if match is None:
        return value
    return re.sub(r"\\[nr\\']", lambda escape: ESCAPES[escape[0]], match[1])


# --- mounts ---


def mount_text(mount: Mount) -> str:
    """As ``-v`` takes it, ``tmpfs:`` before one in memory, or as ``--mount`` does for a strict one."""
    if mount.strict:
        return _mount_line(mount)
    if mount.kind is MountKind.TMPFS:
        words = ",".join(filter(None, ["ro" if mount.read_only else "", mount.options]))
        return TMPFS + mount.target + (f":{words}" if words else "")
    return volume_words(mount)


def volume_words(mount: Mount) -> str:
    """Of one that is not strict and not in memory."""
    words = ",".join(filter(None, ["ro" if mount.read_only else "", mount.options]))
    return ":".join(filter(None, [mount.source, mount.target, words]))


def read_mount(text: str, *, field: str = "mounts") -> Mount:
    text = text.strip()
    if text.startswith(TMPFS):
        target, _colon, words = text.removeprefix(TMPFS).partition(":")
        return _loose(MountKind.TMPFS, "", target, words)
    return _read_strict(text, field) if re.match(r'"?[a-z-]+=', text) else read_volume(text, field=field)


def read_volume(text: str, *, field: str = "mounts") -> Mount:
    """As ``-v`` takes it."""
    parts = text.split(":")
    if len(parts) == 1:
        return _loose(MountKind.VOLUME, "", parts[0], "")
    if len(parts) > 3 or not parts[0]:
        raise _no(text, field)
    kind = MountKind.BIND if parts[0].startswith("/") else MountKind.VOLUME
    return _loose(kind, parts[0], parts[1], parts[2] if len(parts) == 3 else "")


def _loose(kind: MountKind, source: str, target: str, words: str) -> Mount:
    options = [word for word in words.split(",") if word and word != "rw"]
    rest = ",".join(word for word in options if word != "ro")
    return Mount(kind, target, source, read_only="ro" in options, options=rest)


def _mount_line(mount: Mount) -> str:
    fields = [f"type={mount.kind}"]
    fields += [f"source={mount.source}"] if mount.source else []
    fields += [f"target={mount.target}"] + (["readonly"] if mount.read_only else [])
    for word in filter(None, mount.options.split(",")):
        name, _equals, value = word.partition("=")
        if mount.kind is MountKind.TMPFS:
            fields.append(f"tmpfs-{name}={value}")
        else:
            fields.append("volume-nocopy" if word == "nocopy" else f"bind-propagation={word}")
    return _csv(fields)


def _read_strict(text: str, field: str) -> Mount:
    given: dict[str, Any] = {"kind": MountKind.VOLUME, "strict": True}
    options: list[str] = []
    for name, value in _csv_pairs(text, field):
        if name == "type" and value in [*MountKind]:
            given["kind"] = MountKind(value)
        elif name in SOURCE:
            given["source"] = value
        elif name in TARGET:
            given["target"] = value
        elif name in READ_ONLY:
            given["read_only"] = _flag(value, text, field)
        elif name == "volume-nocopy":
            options += ["nocopy"] if _flag(value, text, field) else []
        elif name == "bind-propagation" and value in PROPAGATIONS:
            options.append(value)
        elif name in ("tmpfs-size", "tmpfs-mode"):
            options.append(f"{name.removeprefix('tmpfs-')}={value}")
        else:
            raise Invalid(_("“%(word)s” is not known in a mount.") % {"word": f"{name}={value}"[:80]}, field=field)
    if "target" not in given:
        raise Invalid(_("“%(text)s” says not where: target=/path.") % {"text": text[:200]}, field=field)
    return Mount(**given, options=",".join(options))


def _flag(value: str, text: str, field: str) -> bool:
    if value.lower() not in YES | NO:
        raise _no(text, field)
    return value.lower() in YES


# --- networks ---


def join_text(join: Join) -> str:
    """The name alone, or ``name=front,alias=web,ip=10.0.0.5``."""
    if join == Join(join.name) and "=" not in join.name:
        return join.name
    fields = [f"name={join.name}", *(f"alias={alias}" for alias in join.aliases)]
    fields += [f"ip={join.ipv4}"] if join.ipv4 else []
    fields += [f"ip6={join.ipv6}"] if join.ipv6 else []
    return _csv(fields)


def read_join(text: str, *, field: str = "networks") -> Join:
    text = text.strip()
    if "=" not in text:
        return Join(text)
    found: dict[str, list[str]] = {}
    for name, value in _csv_pairs(text, field):
        found.setdefault(name, []).append(value)
    unknown = found.keys() - {"name", "alias", "ip", "ip6"}
    if unknown or any(len(found.get(name, [])) > 1 for name in ("name", "ip", "ip6")) or not found.get("name"):
        raise Invalid(
            _("“%(text)s”: write a network’s name, or name=…,alias=…,ip=…,ip6=….") % {"text": text[:200]}, field=field
        )
    return Join(found["name"][0], tuple(found.get("alias", [])), found.get("ip", [""])[0], found.get("ip6", [""])[0])


# --- fields with commas between, as Docker's flags have them ---


def _csv(fields: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


def _csv_pairs(text: str, field: str) -> list[tuple[str, str]]:
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise _no(text, field) from error
    pairs = [part.partition("=") for row in rows for part in row if part]
    return [(name.strip().lower(), value) for name, _equals, value in pairs]
