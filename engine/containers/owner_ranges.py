"""Which host user ids each running container's own ids map to."""

from engine.host.userns import UserNamespaces


class OwnerRanges:
    """Ranges of ended containers are given again: their mapping is still open, which saves some ms per start."""

    def __init__(self, user_namespaces: UserNamespaces) -> None:
        self._user_namespaces = user_namespaces
        self._taken: dict[str, tuple[int, int]] = {}
        self._free: dict[int, list[int]] = {}

    def take(self, container_id: str, *, id_count: int) -> int:
        """First id of a range that no other running container of this engine has."""
        free = self._free.setdefault(id_count, [])
        taken = self._starts()
        base = free.pop() if free else self._user_namespaces.allocate_base(container_id, taken=taken, id_count=id_count)
        self._taken[container_id] = (base, id_count)
        return base

    def adopt(self, container_id: str, base: int, *, id_count: int) -> None:
        self._taken[container_id] = (base, id_count)

    def share(self, container_id: str, *, of: str) -> None:
        """For a container that joins the user namespace of another, which it may outlive."""
        if of in self._taken:
            self._taken[container_id] = self._taken[of]

    def release(self, container_id: str) -> None:
        """Free again once nobody shares it. Safe to repeat."""
        held = self._taken.pop(container_id, None)
        if held and held not in self._taken.values():
            base, id_count = held
            self._free.setdefault(id_count, []).append(base)

    def _starts(self) -> set[int]:
        """Of every 65536 ids in use, and of those that may be given again."""
        ranges = [*self._taken.values(), *((base, count) for count, bases in self._free.items() for base in bases)]
        return {start for base, count in ranges for start in range(base, base + count, 65536)}
