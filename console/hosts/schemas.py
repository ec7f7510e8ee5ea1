"""Hosts as the API shows them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from console.hosts.models import Host
from console.hosts.operations import IssuedKey
from console.rest.schemas import Flag, Given, Shown, words


class HostShown(Shown):
    name: str
    state: Annotated[Host.State, words(Host.State)]
    is_stale: bool = Field(description="What is known of it may not be so any more.")
    error: str
    last_seen_at: datetime | None
    is_relayed: bool = Field(description="The console reaches its engine by its agent's call.")
    is_called: bool = Field(description="The call is there.")
    has_key: bool = Field(description="There is a key that its agent may call with.")

    @classmethod
    def of(cls, host: Host) -> Self:
        return cls(
            name=host.name,
            state=Host.State(host.state),
            is_stale=host.is_stale,
            error=host.error,
            last_seen_at=host.last_seen_at,
            is_relayed=host.is_relayed,
            is_called=host.is_called,
            has_key=host.has_key,
        )


class NewHost(Given):
    name: str = Field(max_length=63, description="Small letters, digits and “-”.")
    address: str = Field(
        "", max_length=255, description="unix:///path or tcp://host:port; empty: reached by its agent's call."
    )


class HostName(Given):
    name: str = Field(max_length=63)


class RemovalAsked(Given):
    force: Flag = Field(False, description="Also when stacks, schedules or jobs are there.")


class KeyMade(HostShown):
    key: str = Field(description="What its agent calls with. Shown only now.")

    @classmethod
    def issued(cls, issued: IssuedKey) -> Self:
        return cls(**HostShown.of(issued.host).model_dump(), key=issued.text)
