"""Options of a tmpfs that a client asks for (``--tmpfs /run:size=64m,exec``)."""

import re
from typing import Final

from engine.model.errors import Invalid
from engine.model.mount import Mount

_DEFAULTS: Final = ("rw", "noexec", "nosuid", "nodev")
# each pair excludes the other; the client's word replaces ours
_OPPOSITE: Final = {
    word: other
    for pair in (("rw", "ro"), ("exec", "noexec"), ("suid", "nosuid"), ("dev", "nodev"), ("atime", "noatime"))
    for word, other in (pair, pair[::-1])
} | {"relatime": "", "norelatime": "", "strictatime": "", "diratime": "", "nodiratime": "", "sync": "", "async": ""}
# tmpfs(5)
_VALUED: Final = {
    "size": re.compile(r"[0-9]+[kKmMgG%]?"),
    "nr_blocks": re.compile(r"[0-9]+[kKmMgG]?"),
    "nr_inodes": re.compile(r"[0-9]+[kKmMgG]?"),
    "mode": re.compile(r"[0-7]{1,4}"),
    "uid": re.compile(r"[0-9]{1,9}"),
    "gid": re.compile(r"[0-9]{1,9}"),
}


def tmpfs_options(text: str) -> list[str]:
    """Mount options for comma separated ``text``; noexec, nosuid and nodev unless it says otherwise. Raises Invalid."""
    options = dict.fromkeys(_DEFAULTS, "")
    for word in filter(None, text.split(",")):
        key, equals, value = word.partition("=")
        if equals and key in _VALUED and _VALUED[key].fullmatch(value):
            options[key] = value
        elif not equals and key in _OPPOSITE:
            options.pop(_OPPOSITE[key], None)
            options[key] = ""
        else:
            raise Invalid(f'invalid tmpfs option "{word[:80]}"')
    return [f"{key}={value}" if value else key for key, value in options.items()]


def mount_options(mount: Mount) -> list[str]:
    """Of a tmpfs that was asked for as a ``Mount``; as Docker makes it, everybody may write unless it says a mode."""
    words = [*mount.tmpfs_options, "ro" if mount.read_only else "rw", f"mode={mount.tmpfs_mode or 0o1777:o}"]
    if mount.tmpfs_size_bytes:
        words.append(f"size={mount.tmpfs_size_bytes}")
    return tmpfs_options(",".join(words))
