"""A broker that keeps messages instead of carrying them: what was sent, in order."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Broker:
    """``takes`` False: nothing can be sent, as when Redis is away."""

    takes: bool = True
    sent: list[tuple[str, str, list[Any]]] = field(default_factory=list)

    def send(self, task: str, args: list[Any], *, queue: str, expires: float | None = None) -> bool:
        if self.takes:
            self.sent.append((queue, task, args))
        return self.takes

    def of(self, task: str) -> list[list[Any]]:
        """The arguments of each message for ``task``."""
        return [args for _queue, name, args in self.sent if name == task]
