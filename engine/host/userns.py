"""User namespaces for mounts: how owners on disk (0 to 65535) appear as a container's owners on the host.

A container's own namespace is made by the runtime and maps 0 to ``uid_base``. The one made here serves only to idmap
its storage and has a second extent, so that the host's root, which mounts the overlay, has an owner on disk at all
(without it overlay cannot make its work directory and mounts read-only). Layers must never use that owner.
"""

import functools
import hashlib
import os
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import Final

from engine.model.errors import Unavailable

ID_COUNT: Final = 65536
FIRST_ID: Final = 524288  # above what distributions hand out to people and services
LAST_ID: Final = 1878982655  # below systemd's container ranges (systemd: UIDS-GIDS.md)
ROOT_ON_DISK: Final = 4294967294  # the second extent: 2^32-2, never a valid owner in an image
_CACHED = 64
_HELPER_TIMEOUT_S = 10


class UserNamespaces:
    """Open namespaces by mapping, the most recently used ones. Thread safe; methods block for a few ms."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[int, int], int] = OrderedDict()

    def allocate_base(self, container_id: str, *, taken: Collection[int], id_count: int = ID_COUNT) -> int:
        """A start of ``id_count`` host ids that overlaps neither ``taken`` (the start of every 65536 ids in use) nor
        /etc/subuid.

        Follows from the container's id, so that two engines on one host, which do not know of each other,
        seldom choose the same; a container keeps it for life.
        """
        slots = (LAST_ID - FIRST_ID) // ID_COUNT
        needed = -(-id_count // ID_COUNT)
        busy = set(_delegated_slots()) | {(base - FIRST_ID) // ID_COUNT for base in taken}
        first = int.from_bytes(hashlib.sha256(container_id.encode()).digest()[:8], "big") % slots
        for step in range(slots):
            slot = (first + step) % slots
            if slot + needed <= slots and busy.isdisjoint(range(slot, slot + needed)):
                return FIRST_ID + slot * ID_COUNT
        raise Unavailable("no range of user ids is free for another container")

    def mount_fd(self, uid_base: int, *, id_count: int = ID_COUNT) -> int:
        """A namespace to idmap storage with. The cache owns it: use it at once, do not close it."""
        key = (uid_base, id_count)
        with self._lock:
            if key not in self._open:
                self._open[key] = _new_namespace(f"0 {uid_base} {id_count}\n{ROOT_ON_DISK} 0 1\n")
                if len(self._open) > _CACHED:
                    os.close(self._open.popitem(last=False)[1])
            self._open.move_to_end(key)
            return self._open[key]

    def close(self) -> None:
        with self._lock:
            while self._open:
                os.close(self._open.popitem()[1])


def _new_namespace(mapping: str) -> int:
    """A thread cannot unshare a user namespace, so a helper process does; it ends when the descriptor is ours."""
    helper = subprocess.Popen(["unshare", "--user", "cat"], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if helper.stdin is None or helper.stdout is None:  # never, with PIPE
            raise Unavailable("no pipe to the helper")
        helper.stdin.write(b"\n")
        if helper.stdout.read(1) != b"\n":  # cat answers: from here on it is in the new namespace
            raise Unavailable("this kernel makes no user namespace")
        Path(f"/proc/{helper.pid}/uid_map").write_text(mapping)
        Path(f"/proc/{helper.pid}/gid_map").write_text(mapping)
        return os.open(f"/proc/{helper.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    except BrokenPipeError as error:  # it has ended already
        raise Unavailable("this kernel makes no user namespace") from error
    except OSError as error:
        raise Unavailable(f"cannot make a user namespace: {error.strerror}") from error
    finally:
        with helper:
            helper.kill()


@functools.cache
def _delegated_slots() -> frozenset[int]:
    """Slots that the host has given to its own users (subuid(5): name:start:count). Read once."""
    slots: set[int] = set()
    for path in (Path("/etc/subuid"), Path("/etc/subgid")):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            _, _, numbers = line.partition(":")
            start, _, count = numbers.partition(":")
            if start.isdigit() and count.isdigit() and int(count):
                first, last = int(start), int(start) + int(count) - 1
                slots.update(range((first - FIRST_ID) // ID_COUNT, (last - FIRST_ID) // ID_COUNT + 1))
    return frozenset(slots)
