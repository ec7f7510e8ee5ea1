"""Which of the host's or another container's namespaces a container shares."""

from dataclasses import dataclass
from typing import Final

_OTHER: Final = "container:"


def joined_container(mode: str) -> str | None:
    """X of ``container:X``, a name or an id; None for every other mode."""
    return mode.removeprefix(_OTHER) if mode.startswith(_OTHER) else None


def joining(container_id: str) -> str:
    return f"{_OTHER}{container_id}"


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Docker's words, "" where a client said nothing. ``pid`` and ``ipc``: host, private or ``container:X``; ``ipc``
    also none and shareable; ``uts``: host or private; ``cgroup``: host or private."""

    pid: str = ""
    ipc: str = ""
    uts: str = ""
    cgroup: str = ""

    @property
    def are_the_hosts(self) -> bool:
        """Whether one is shared that a user namespace of the container's own would have no say in."""
        return "host" in (self.pid, self.ipc)
