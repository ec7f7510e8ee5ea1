"""That a container is not as it was: said while it is written down, to apps above that have registered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from console.containers.models import Container


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of it before."""

    name: str
    state: str
    health: str
    restart_count: int
    started_at: datetime | None
    finished_at: datetime | None
    gone_at: datetime | None
    shape: dict[str, Any]

    @classmethod
    def of(cls, row: Container) -> Self:
        return cls(**{name: getattr(row, name) for name in cls.__slots__})


# by the row as it is now, in the transaction that wrote it; None before the first time
Hears = Callable[[Container, Known | None], None]
_hearing: list[Hears] = []


def hears_changes(hears: Hears) -> Hears:
    _hearing.append(hears)
    return hears


def tell(row: Container, before: Known | None) -> None:
    for hears in _hearing:
        hears(row, before)
