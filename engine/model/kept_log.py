"""The log of a container that is no more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class KeptLog:
    """``container_id`` is 64 hex digits. What of the container is worth knowing beside its output, and no variables.

    ``details`` is what ``docker logs --details`` puts before each line of it, see ``engine.wire.log_details``.
    ``size_bytes`` is what its files have, 0 where it was not counted.
    """

    container_id: str
    name: str
    image_name: str
    image_id: str
    labels: Mapping[str, str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    removed_at: datetime
    exit_code: int
    oom_killed: bool
    tty: bool
    details: str
    size_bytes: int = 0
