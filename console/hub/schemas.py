"""Registries as the API is told of them and shows them. No password is among it, only the secret's name."""

from datetime import datetime
from typing import Self

from pydantic import Field

from console.hub.client import Names
from console.hub.documents import Listed
from console.hub.facts import Given as RegistryFacts
from console.hub.models import Registry
from console.rest.schemas import Flag, Given, Paging, Shown


class RegistryShown(Shown):
    name: str
    workspace: str
    address: str = Field(description="As image names begin with it.")
    username: str
    password: str = Field(description="`secret:NAME`, or empty.")
    is_plain: bool = Field(description="It speaks http.")
    ca_pem: str
    created_at: datetime
    checked_at: datetime | None = Field(description="When it was last tried.")
    trouble: str = Field(description="What was wrong then.")

    @classmethod
    def of(cls, registry: Registry) -> Self:
        return cls(
            name=registry.name,
            workspace=registry.workspace.slug,
            address=registry.address,
            username=registry.username,
            password=registry.password,
            is_plain=registry.is_plain,
            ca_pem=registry.ca_pem,
            created_at=registry.created_at,
            checked_at=registry.checked_at,
            trouble=registry.trouble,
        )


class RegistryQuery(Paging):
    workspace: str = Field("", max_length=40)


class RegistryGiven(Given):
    address: str = Field(max_length=255, description="`registry.example:5000`; Docker Hub is `docker.io`.")
    username: str = Field("", max_length=255)
    password: str = Field("", max_length=80, description="`secret:NAME`, a secret of the workspace.")
    is_plain: Flag = Field(False, description="It speaks http.")
    ca_pem: str = Field("", max_length=64 * 1024, description="Certificates to believe besides the usual ones.")

    @property
    def facts(self) -> RegistryFacts:
        return RegistryFacts(self.address, self.username, self.password, self.is_plain, self.ca_pem)


class NewRegistry(RegistryGiven):
    workspace: str = Field(min_length=1, max_length=40)
    name: str = Field(max_length=63, description="Lower-case letters, digits and “-”.")


class RepositoriesQuery(Given):
    text: str = Field("", max_length=100, description="Part of a name; empty: all, in pages.")
    after: str = Field("", max_length=300, description="`next` of the page before.")


class TagsQuery(Given):
    repository: str = Field(min_length=1, max_length=255)
    after: str = Field("", max_length=300, description="`next` of the page before.")


class RegistryImageQuery(Given):
    repository: str = Field(min_length=1, max_length=255)
    reference: str = Field(min_length=1, max_length=128, description="A tag or a digest.")


class NamesShown(Shown):
    names: list[str]
    next: str = Field(description="Where to go on; empty at the end.")
    is_cut: bool = Field(description="There may be more that was not looked at.")

    @classmethod
    def of(cls, names: Names) -> Self:
        return cls(names=names.names, next=names.after, is_cut=names.is_cut)


class VariantShown(Shown):
    platform: str
    digest: str
    size_bytes: int = Field(description="Of what is pulled; 0: not told.")
    created_at: datetime | None
    layers: int


class RegistryImageShown(Shown):
    digest: str
    is_index: bool = Field(description="It is of several platforms.")
    variants: list[VariantShown]

    @classmethod
    def of(cls, listed: Listed) -> Self:
        shown = [
            VariantShown(
                platform=one.platform,
                digest=one.digest,
                size_bytes=one.size_bytes,
                created_at=one.created_at,
                layers=one.layers,
            )
            for one in listed.variants
        ]
        return cls(digest=listed.digest, is_index=listed.is_index, variants=shown)
