"""Images and builds as the API is told of them and shows them."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from console.hosts.images import ImageDetail
from console.images.build_options import BuildOptions
from console.images.models import Image
from console.jobs.progress import Timed
from console.rest.schemas import Flag, Given, Paging, Shown, Slug, Whole
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


class LayerShown(Shown):
    created_at: datetime
    command: str = Field(description="What made it.")
    size_bytes: int
    tags: list[str]


class ImageUserShown(Shown):
    name: str = Field(description="Empty for one that you cannot see.")
    state: str


class ImageDetailShown(Shown):
    """What its host tells of it just now."""

    platform: str
    digests: list[str] = Field(description="By which registries know it, behind the repository's name and “@”.")
    author: str
    config: dict[str, str] = Field(description="In Docker's names; of many things a line each.")
    labels: dict[str, str]
    history: list[LayerShown] = Field(description="Newest first.")
    shared_bytes: int | None = Field(description="What other images have as well. null: not told.")
    unique_bytes: int | None = Field(description="What would be free if it went.")
    users: list[ImageUserShown] = Field(description="Containers that were made from it.")

    @classmethod
    def of(cls, image: Image, detail: ImageDetail) -> Self:
        history = [
            LayerShown(created_at=one.created_at, command=one.command, size_bytes=one.size_bytes, tags=list(one.tags))
            for one in detail.history
        ]
        told = image.use is not None and image.use.shared_bytes >= 0
        return cls(
            platform=detail.platform,
            digests=list(detail.digests),
            author=detail.author,
            config=dict(detail.config),
            labels=dict(detail.labels),
            history=history,
            shared_bytes=image.use.shared_bytes if image.use is not None and told else None,
            unique_bytes=image.use.unique_bytes if image.use is not None and told else None,
            users=[ImageUserShown(name=user.name, state=user.state) for user in image.users],
        )


class PullGiven(Given):
    host: Slug
    reference: str = Field(max_length=400, description="With a tag, or a digest behind “@”.")
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may pull.")
    platform: str = Field("", max_length=60, description="`linux/arm64`; empty: the host's own.")
    all_tags: Flag = Field(False, description="Of the repository that `reference` names alone.")


class PushGiven(Given):
    reference: str = Field(max_length=300, description="Where to: the registry is the beginning of the name.")


class CopyGiven(Given):
    to_host: Slug
    registry: str = Field(max_length=255, description="The address of the registry by way of which.")


class ReferenceGiven(Given):
    reference: str = Field(min_length=1, max_length=300)


class LoadGiven(Given):
    host: Slug
    workspace: str = Field("", max_length=40, description="Whose they will be; empty: the first in which you may pull.")


class ImportGiven(LoadGiven):
    tag: str = Field(max_length=300)


class BuildStepShown(Shown):
    number: int
    what: str
    milliseconds: int = Field(description="Until now, of the one under way.")
    is_cached: bool

    @classmethod
    def of(cls, step: Timed) -> Self:
        return cls(number=step.number, what=step.what, milliseconds=step.took_ms, is_cached=step.is_cached)


class BuildStepsShown(Shown):
    steps: list[BuildStepShown]
    error_line: int = Field(description="Of the Dockerfile, where it went wrong; 0: not told.")


class BuildQuery(Paging):
    workspace: str = Field("", max_length=40)


class Account(Given):
    username: str = Field(max_length=255)
    password: str = Field(max_length=100, description="`secret:NAME`, a secret of the workspace.")


class GitGiven(Given):
    url: str = Field(max_length=2000, description="https, or http.")
    ref: str = Field("", max_length=255, description="A branch, a tag or a commit; empty: its HEAD.")
    directory: str = Field("", max_length=255, description="What of it is the context; empty: all.")
    username: str = Field("", max_length=255)
    password: str = Field("", max_length=100, description="`secret:NAME`, a secret of the workspace.")


class BuildGiven(Given):
    """From the text of a `dockerfile`, from the files of an earlier build, or from a repository."""

    host: Slug
    tag: str = Field(max_length=300)
    git: GitGiven | None = None
    tags: list[str] = Field(default_factory=list, max_length=50, description="More names for it.")
    build_args: dict[str, str] = Field(default_factory=dict, max_length=50, description="On record: no secrets.")
    labels: dict[str, str] = Field(default_factory=dict, max_length=50)
    target: str = Field("", max_length=128, description="The stage to stop at.")
    platform: str = Field("", max_length=60)
    no_cache: Flag = False
    pull: Flag = Field(False, description="Look for newer base images.")
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

    def asked(self) -> dict[str, Any]:
        """As the operation takes it."""
        facts = self.model_dump()
        options = BuildOptions(**{name: facts.pop(name) for name in OPTIONS})
        return {**facts, "options": options}


OPTIONS = ("tags", "build_args", "labels", "target", "platform", "no_cache", "pull")


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
