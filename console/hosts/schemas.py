"""Hosts as the API shows them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from console.hosts.models import Host
from console.rest.schemas import Shown, words


class HostShown(Shown):
    name: str
    state: Annotated[Host.State, words(Host.State)]
    is_stale: bool = Field(description="What is known of it may not be so any more.")
    error: str
    last_seen_at: datetime | None

    @classmethod
    def of(cls, host: Host) -> Self:
        return cls(
            name=host.name,
            state=Host.State(host.state),
            is_stale=host.is_stale,
            error=host.error,
            last_seen_at=host.last_seen_at,
        )
