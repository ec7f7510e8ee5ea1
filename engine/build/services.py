"""The rest of the engine as a build sees it: no more of it than is needed here."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from engine.model.container import ContainerSpec
from engine.model.digest import Digest
from engine.model.image import History, Image, ImageConfig
from engine.model.platform import Platform
from engine.model.reference import Reference
from engine.model.resources import Resources
from engine.model.transfer import Tell
from engine.registry.credentials import Credentials
from engine.store.records import CacheEntry, Layer

OnOutput = Callable[[int, bytes], Awaitable[None]]


class ImageStore(Protocol):
    def get(self, name: str, /) -> Image: ...

    async def tag(self, name: str, reference: Reference, /) -> None: ...

    async def create(
        self,
        *,
        config: ImageConfig,
        diff_ids: tuple[Digest, ...],
        history: tuple[History, ...],
        platform: Platform,
        created_at: datetime,
        author: str = "",
        comment: str = "",
        parent: Digest | None = None,
    ) -> Image: ...


class ImagePuller(Protocol):
    async def pull(
        self, reference: Reference, /, *, platform: Platform | None, credentials: Credentials, tell: Tell
    ) -> Image: ...


class Layers(Protocol):
    def lowers(self, diff_ids: Sequence[Digest], /) -> list[Path]: ...

    def pin(self, diff_ids: Sequence[Digest], /) -> AbstractContextManager[None]: ...

    async def commit_upper(
        self,
        upper: Path,
        /,
        *,
        parent_diff_ids: tuple[Digest, ...],
        skip_mount_points: bool = True,
        newest_ns: int | None = None,
    ) -> Layer | None: ...


class StepContainer(Protocol):
    """A hidden container that runs one program; gone with its context manager."""

    @property
    def id(self) -> str: ...

    @property
    def upper(self) -> Path: ...

    async def run(self, on_output: OnOutput, /) -> int: ...


class ScratchFiles(Protocol):
    """An image's file system, writable for as long as its context manager."""

    @property
    def rootfs(self) -> Path: ...

    @property
    def upper(self) -> Path: ...


class StepRunner(Protocol):
    def step(
        self, spec: ContainerSpec, /, *, layers: tuple[Digest, ...]
    ) -> AbstractAsyncContextManager[StepContainer]: ...

    async def kept_limits(self, asked: Resources, /) -> tuple[Resources, list[str]]: ...

    def scratch(self, layers: tuple[Digest, ...], /) -> AbstractAsyncContextManager[ScratchFiles]: ...


class Cache(Protocol):
    def find_cached(self, key: str, /) -> CacheEntry | None: ...

    def save_cached(self, entry: CacheEntry, /) -> None: ...

    def find_image(self, image_id: Digest, /) -> Image | None: ...
