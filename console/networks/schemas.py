"""Networks as the API is told of them and shows them."""

from datetime import datetime
from typing import Self

from pydantic import Field

from console.networks.models import Network
from console.networks.queries import Member, NetworkFilter
from console.rest.schemas import Flag, Given, Paging, Shown, Slug

Texts = dict[str, str]


class SubnetShown(Shown):
    subnet: str
    gateway: str
    ip_range: str


class NetworkShown(Shown):
    id: str = Field(description="The engine's id.")
    name: str
    host: str
    workspace: str
    driver: str
    scope: str
    is_internal: bool
    is_attachable: bool
    has_ipv6: bool
    subnets: list[SubnetShown]
    options: Texts
    labels: Texts
    container_count: int = Field(description="How many containers are on it.")
    created_at: datetime
    seen_at: datetime = Field(description="When its host last reported it.")
    gone_at: datetime | None = Field(description="When it was found to be removed.")

    @classmethod
    def of(cls, network: Network) -> Self:
        return cls(
            id=network.engine_id,
            name=network.name,
            host=network.host.name,
            workspace=network.workspace.slug,
            driver=network.driver,
            scope=network.scope,
            is_internal=network.is_internal,
            is_attachable=network.is_attachable,
            has_ipv6=network.has_ipv6,
            subnets=[SubnetShown(**one) for one in network.subnets],
            options=network.options,
            labels=network.labels,
            container_count=len(network.members),
            created_at=network.created_at,
            seen_at=network.seen_at,
            gone_at=network.gone_at,
        )


class NetworkMemberShown(Shown):
    id: str = Field(description="The container's 64 hex digits.")
    name: str
    state: str
    ipv4: str
    ipv6: str
    mac: str
    aliases: list[str]


class MembersShown(Shown):
    items: list[NetworkMemberShown]
    others: int = Field(description="Containers on it that you may not see.")

    @classmethod
    def of(cls, members: list[Member], others: int) -> Self:
        return cls(items=[_member(one) for one in members], others=others)


class NetworkQuery(Paging):
    host: str = Field("", max_length=63)
    driver: str = Field("", max_length=64)
    text: str = Field("", max_length=300, description="Part of its name, or the beginning of its id.")
    gone: bool = Field(False, description="Removed ones too.")
    workspace: str = Field("", max_length=40)

    @property
    def wanted(self) -> NetworkFilter:
        return NetworkFilter(self.host, self.driver, self.text, self.gone, self.workspace)


class SubnetGiven(Given):
    subnet: str = Field(max_length=50, description="As `172.28.0.0/16`.")
    gateway: str = Field("", max_length=50)
    ip_range: str = Field("", max_length=50)


class NetworkGiven(Given):
    host: Slug
    name: str = Field(min_length=1, max_length=128)
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may.")
    driver: str = Field("bridge", max_length=64)
    subnets: list[SubnetGiven] = Field(default_factory=list, max_length=16, description="None: the engine chooses.")
    is_internal: Flag = False
    is_attachable: Flag = False
    has_ipv6: Flag = False
    options: Texts = Field(default_factory=dict, max_length=100)
    labels: Texts = Field(default_factory=dict, max_length=100)


class ConnectGiven(Given):
    container: str = Field(min_length=1, max_length=255, description="Its name, or its id's first 12 or more digits.")
    aliases: list[str] = Field(default_factory=list, max_length=50)
    ipv4: str = Field("", max_length=50)
    ipv6: str = Field("", max_length=50)


class DisconnectGiven(Given):
    container: str = Field(min_length=1, max_length=255)
    force: Flag = Field(False, description="Also when its endpoint is broken.")


class PruneQuery(Given):
    host: str = Field(min_length=1, max_length=63)
    workspace: str = Field(min_length=1, max_length=40)


class NetworkPruneGiven(Given):
    host: Slug
    workspace: str = Field(min_length=1, max_length=40)
    names: list[str] = Field(min_length=1, max_length=1000, description="Of those that were shown to be unused.")


class NetworkWorkspaceGiven(Given):
    workspace: str = Field(min_length=1, max_length=40)


def _member(one: Member) -> NetworkMemberShown:
    return NetworkMemberShown(
        id=one.shown.engine_id,
        name=one.name,
        state=one.shown.state,
        ipv4=one.ipv4,
        ipv6=one.ipv6,
        mac=one.mac,
        aliases=one.aliases,
    )
