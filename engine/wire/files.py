"""Files of containers on the wire: the stat header of ``/archive``, and ``/changes``."""

import base64
import json
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from engine.model.files import FileChange, ListedDirectory, ListedFile, PathStat, SizedChange

STAT_HEADER: Final = "X-Docker-Container-Path-Stat"

# Go, io/fs, FileMode: its own bits above the permissions, not those of st_mode
_DIRECTORY, _SYMLINK, _DEVICE, _FIFO, _SOCKET = 1 << 31, 1 << 27, 1 << 26, 1 << 25, 1 << 24
_SETUID, _SETGID, _CHARACTER, _STICKY, _IRREGULAR = 1 << 23, 1 << 22, 1 << 21, 1 << 20, 1 << 19
_TYPES: Final = {
    stat.S_IFREG: 0,
    stat.S_IFDIR: _DIRECTORY,
    stat.S_IFLNK: _SYMLINK,
    stat.S_IFCHR: _DEVICE | _CHARACTER,
    stat.S_IFBLK: _DEVICE,
    stat.S_IFIFO: _FIFO,
    stat.S_IFSOCK: _SOCKET,
}
_BITS: Final = ((stat.S_ISUID, _SETUID), (stat.S_ISGID, _SETGID), (stat.S_ISVTX, _STICKY))


def go_file_mode(mode: int) -> int:
    """``st_mode`` as Go's os.FileMode."""
    kind = _TYPES.get(stat.S_IFMT(mode), _IRREGULAR)
    return kind | (mode & 0o777) | sum(go for unix, go in _BITS if mode & unix)


def encode_path_stat(found: PathStat) -> str:
    """The header's value: base64 of JSON. Bytes that are no UTF-8 become U+FFFD, as in Go."""
    value = {
        "name": _shown(found.name),
        "size": found.size_bytes,
        "mode": go_file_mode(found.mode),
        "mtime": _nanosecond_timestamp(found.mtime_ns),
        "linkTarget": _shown(found.link_target),
    }
    return base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def encode_changes(changes: Sequence[FileChange]) -> list[dict[str, Any]] | None:
    """Go writes null where nothing changed."""
    return [{"Path": _shown(change.path), "Kind": int(change.kind)} for change in changes] or None


def encode_listing(listed: ListedDirectory) -> dict[str, Any]:
    """Ours. ``raw`` is there for a name that is no UTF-8: its bytes, percent-encoded."""
    files = [_encode_listed(file) for file in listed.files]
    return {"path": _shown(listed.path), "files": files, "total": listed.total}


def encode_sized_changes(changes: Sequence[SizedChange], *, total: int) -> dict[str, Any]:
    """Ours: the first of ``total`` changes, with kinds of files as Go has them."""
    return {
        "changes": [
            {
                "path": _shown(change.path),
                "kind": int(change.kind),
                "mode": go_file_mode(change.mode) if change.mode else 0,
                "size": change.size_bytes,
                "was": change.was_bytes,
            }
            for change in changes
        ],
        "total": total,
    }


def _encode_listed(file: ListedFile) -> dict[str, Any]:
    name = _shown(file.name)
    raw = {} if name == file.name else {"raw": quote(file.name, safe="", errors="surrogateescape")}
    return {
        "name": name,
        **raw,
        "mode": go_file_mode(file.mode),
        "size": file.size_bytes,
        "uid": file.uid,
        "gid": file.gid,
        "user": file.user,
        "group": file.group,
        "mtime": _nanosecond_timestamp(file.mtime_ns),
        "linkTarget": _shown(file.link_target),
    }


def _shown(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _nanosecond_timestamp(at_ns: int) -> str:
    """RFC3339Nano, for the years that Go's JSON has: 0 to 9999."""
    seconds, nanoseconds = divmod(at_ns, 1_000_000_000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError):
        moment, nanoseconds = datetime(1970, 1, 1, tzinfo=UTC), 0
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"
