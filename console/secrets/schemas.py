"""Secrets as the API is told of them and shows them. A value is in no answer but the one that reveals it."""

from datetime import datetime
from typing import Self

from pydantic import Field

from console.rest.schemas import Given, Paging, Shown, Whole
from console.secrets.models import Secret, SecretVersion

VALUE = Field(max_length=32 * 1024, description="4 characters to 32 KiB, exactly as it is. No answer repeats it.")


class SecretShown(Shown):
    name: str
    workspace: str
    reference: str = Field(description="What to write where its value is wanted.")
    note: str
    version: int = Field(description="The newest, which is used.")
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, secret: Secret, *, version: int | None = None) -> Self:
        return cls(
            name=secret.name,
            workspace=secret.workspace.slug,
            reference=secret.reference,
            note=secret.note,
            version=version or secret.newest.number,
            created_at=secret.created_at,
            changed_at=secret.changed_at,
        )

    @classmethod
    def listed(cls, secret: Secret) -> Self:
        """``secret``: of visible_secrets, which knows the newest version of each."""
        return cls.of(secret, version=vars(secret)["latest"])


class WholeSecret(SecretShown):
    uses: list[str] = Field(description="What refers to it, in words.")

    @classmethod
    def with_uses(cls, secret: Secret, uses: list[str]) -> Self:
        return cls(**SecretShown.of(secret).model_dump(), uses=uses)


class SecretVersionShown(Shown):
    number: int
    set_at: datetime
    set_by: str

    @classmethod
    def of(cls, version: SecretVersion) -> Self:
        return cls(number=version.number, set_at=version.set_at, set_by=version.set_by_name)


class SecretQuery(Paging):
    workspace: str = Field("", max_length=40)


class SecretValueGiven(Given):
    secret_value: str = VALUE


class NewSecret(Given):
    workspace: str = Field(min_length=1, max_length=40)
    name: str = Field(max_length=63, description="Letters, digits, “_”, “.” and “-”.")
    note: str = Field("", max_length=200, description="What it is for.")
    secret_value: str = VALUE


class RevealGiven(Given):
    version: Whole | None = Field(None, ge=1, le=2**31 - 1, description="null: the newest.")


class RevealedShown(Shown):
    version: int
    secret_value: str
