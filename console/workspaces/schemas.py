"""Workspaces and what they may ask of hosts, as the API is told of them and shows them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from console.rest.schemas import Decimal, Flag, Given, Shown, Whole
from console.workspaces.models import Workspace
from console.workspaces.rules import LARGEST, Rules

Entries = Annotated[list[str], Field(max_length=100)]


class WorkspaceShown(Shown):
    slug: str
    title: str
    created_at: datetime

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        return cls(slug=workspace.slug, title=workspace.title, created_at=workspace.created_at)


class NewWorkspace(Given):
    slug: str = Field(max_length=40, description="Small letters, digits and “-”. It stays as it is.")
    title: str = Field("", max_length=80)


class TitleGiven(Given):
    title: str = Field(max_length=80)


class PolicyGiven(Given):
    """All of it: what is left out has its default, which gives nothing of a host away. Totals: 0 is no limit."""

    hosts: Entries = Field(default_factory=list, description="Empty: every host.")
    privileged: Flag = False
    host_namespaces: Entries = Field(default_factory=list)
    bind_prefixes: Entries = Field(default_factory=list)
    capabilities: Entries = Field(default_factory=list)
    devices: Entries = Field(default_factory=list)
    addresses: Entries = Field(default_factory=lambda: list(Rules().addresses))
    registries: Entries = Field(default_factory=lambda: list(Rules().registries))
    subnets: Entries = Field(default_factory=lambda: list(Rules().subnets))
    volumes: Entries = Field(default_factory=list)
    networks: Entries = Field(default_factory=list)
    most_containers: Whole = Field(0, ge=0, le=LARGEST)
    memory_bytes: Whole = Field(0, ge=0, le=LARGEST)
    cpus: Decimal = Field(0.0, ge=0, le=LARGEST)

    @property
    def rules(self) -> Rules:
        return Rules.from_json(self.model_dump())


class PolicyShown(Shown):
    hosts: list[str]
    privileged: bool
    host_namespaces: list[str]
    bind_prefixes: list[str]
    capabilities: list[str]
    devices: list[str]
    addresses: list[str]
    registries: list[str]
    subnets: list[str]
    volumes: list[str]
    networks: list[str]
    most_containers: int
    memory_bytes: int
    cpus: float

    @classmethod
    def of(cls, rules: Rules) -> Self:
        return cls(**rules.as_json())
