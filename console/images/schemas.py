"""Images and builds as the API is told of them and shows them."""

from datetime import datetime
from typing import Self

from pydantic import Field

from console.images.models import Image
from console.rest.schemas import Given, Paging, Shown, Slug, Whole
from console.web.keyset import LARGEST


class ImageShown(Shown):
    id: str = Field(description="The engine's 64 hex digits.")
    references: list[str]
    host: str
    workspace: str
    is_shared: bool = Field(description="Another workspace had it first.")
    size_bytes: int
    created_at: datetime
    seen_at: datetime

    @classmethod
    def of(cls, image: Image) -> Self:
        return cls(
            id=image.engine_id,
            references=image.references,
            host=image.host.name,
            workspace=image.workspace.slug,
            is_shared=image.is_shared,
            size_bytes=image.size_bytes,
            created_at=image.created_at,
            seen_at=image.seen_at,
        )


class ImageQuery(Paging):
    host: str = Field("", max_length=63)
    workspace: str = Field("", max_length=40)
    text: str = Field("", max_length=300, description="Part of a name, or the beginning of the id.")


class BuildQuery(Paging):
    workspace: str = Field("", max_length=40)


class Account(Given):
    username: str = Field(max_length=255)
    password: str = Field(max_length=100, description="`secret:NAME`, a secret of the workspace.")


class BuildGiven(Given):
    """From the text of a `dockerfile`, or from the files of an earlier build."""

    host: Slug
    tag: str = Field(max_length=300)
    dockerfile: str = Field("", description="Its text.")
    context_of: Whole | None = Field(None, ge=1, le=LARGEST, description="The number of the build that had the files.")
    dockerfile_path: str = Field("Dockerfile", max_length=255, description="Where it lies in those.")
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may build.")
    secrets: dict[str, str] = Field(
        default_factory=dict, max_length=20, description="By id, for `RUN --mount=type=secret`: each `secret:NAME`."
    )
    registries: dict[str, Account] = Field(
        default_factory=dict, max_length=20, description="By address: who signs in there to pull."
    )


class UploadGiven(Given):
    host: Slug
    tag: str = Field(max_length=300)
    dockerfile_path: str = Field("Dockerfile", max_length=255, description="Where it lies in the context.")
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may build.")


class StarterGiven(Given):
    host: Slug
    workspace: str = Field("", max_length=40)


class RemoveImageQuery(Given):
    force: bool = Field(False, description="Also while stopped containers use it.")


class ShareGiven(Given):
    workspace: str = Field(min_length=1, max_length=40)
