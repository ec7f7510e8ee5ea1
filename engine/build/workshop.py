"""What all stages of one build share: the services, the request, the context, and what earlier stages came to."""

import functools
import re
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from engine.build.cache_mounts import CacheMounts
from engine.build.messages import Emit, Pulling, Stream
from engine.build.plan import Plan
from engine.build.request import BuildRequest
from engine.build.rooms import Rooms
from engine.build.services import Cache, ImagePuller, ImageStore, Layers, StepRunner
from engine.build.tree import Tree
from engine.config import RegistryConfig
from engine.images.telling import told
from engine.model.digest import Digest
from engine.model.errors import EngineError, Invalid, Missing
from engine.model.image import Image
from engine.model.platform import Platform
from engine.model.reference import Reference
from engine.model.transfer import Telling
from engine.registry.credentials import credentials_for
from engine.registry.documents import is_fit
from engine.store.records import Layer


@dataclass(frozen=True, slots=True)
class Services:
    images: ImageStore
    puller: ImagePuller
    layers: Layers
    containers: StepRunner
    cache: Cache
    now: Callable[[], datetime]
    machine: Platform
    rooms: Rooms
    caches: CacheMounts
    outside: RegistryConfig


@dataclass(slots=True)
class Workshop:
    """``results`` maps a stage's index to its image, None for a stage that is still empty.

    ``cache_sources`` are the images that a step may come from when the request names some; None: any.
    ``epoch`` is the SOURCE_DATE_EPOCH asked for: nothing made is dated later, so that it is the same next time.
    ``pins`` keeps every image met here from losing its layers until the build is over.
    """

    services: Services
    request: BuildRequest
    plan: Plan
    context: Tree
    escape: str
    emit: Emit
    pins: ExitStack
    results: dict[int, Image | None] = field(default_factory=dict)
    pulled: set[str] = field(default_factory=set)
    step_number: int = 0
    cache_sources: frozenset[Digest] | None = None
    epoch: datetime | None = None

    @property
    def now(self) -> datetime:
        return self.epoch or self.services.now()

    @property
    def now_ns(self) -> int:
        """In whole seconds, as archives have it."""
        return int(self.now.timestamp()) * 1_000_000_000

    async def commit(
        self, upper: Path, *, parent_diff_ids: tuple[Digest, ...], skip_mount_points: bool = False
    ) -> Layer | None:
        """The layer of what changed in ``upper``; None when nothing did."""
        return await self.services.layers.commit_upper(
            upper,
            parent_diff_ids=parent_diff_ids,
            skip_mount_points=skip_mount_points,
            newest_ns=self.now_ns if self.epoch else None,
        )

    async def say(self, text: str) -> None:
        await self.emit(Stream(text))

    async def begin_step(self, text: str) -> None:
        self.step_number += 1
        await self.say(f"Step {self.step_number}/{self.plan.step_count} : {text}\n")

    async def image_named(self, name: str, *, platform: Platform | None = None) -> Image:
        """An image of this engine, pulled when it is not here, or not for ``platform``, or when the request says so.

        Raises Missing and what else pulling raises.
        """
        if name not in self.pulled and self.request.pull and not is_id(name):
            return await self._pull(name, platform)
        try:
            image = self.services.images.get(name)
        except Missing:
            if is_id(name):
                raise
            return await self._pull(name, platform)
        if platform is None or is_fit(image.platform, platform) or is_id(name):
            return self.pinned(image)
        try:
            return await self._pull(name, platform)
        except EngineError as error:
            raise type(error)(
                f"image with reference {name} was found but does not match the specified platform: "
                f"wanted {platform}, actual: {image.platform}; pulling one that does: {error}"
            ) from error

    async def _pull(self, name: str, platform: Platform | None) -> Image:
        reference = Reference.parse(name).with_default_tag()
        credentials = credentials_for(reference.domain, self.request.credentials)
        work = functools.partial(self.services.puller.pull, reference, platform=platform, credentials=credentials)

        async def write(telling: Telling) -> None:
            await self.emit(Pulling(telling))

        image = await told(write, lambda tell: work(tell=tell))
        self.pulled.add(name)
        return self.pinned(image)

    def limit_cache(self) -> None:
        """To the images that the request names and what those were built from, as Docker has it."""
        if not self.request.cache_from:
            return
        found: set[Digest] = set()
        for name in self.request.cache_from:
            with suppress(Missing, Invalid):
                image: Image | None = self.services.images.get(name)
                while image is not None and image.id not in found:
                    found.add(image.id)
                    image = self.services.cache.find_image(image.parent) if image.parent else None
        self.cache_sources = frozenset(found)

    def pinned(self, image: Image) -> Image:
        """``image``, whole: raises Missing when one of its layers is gone."""
        self.pins.enter_context(self.services.layers.pin(image.diff_ids))
        self.services.layers.lowers(image.diff_ids)
        return image


def is_id(name: str) -> bool:
    """Whether it can only be an image's id: no registry has it under that name."""
    return re.fullmatch(r"sha256:[a-f0-9]+|[a-f0-9]{64}", name) is not None
