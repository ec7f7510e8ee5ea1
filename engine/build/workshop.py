"""What all stages of one build share: the services, the request, the context, and what earlier stages came to."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime

from engine.build.messages import Emit, Stream
from engine.build.plan import Plan
from engine.build.request import BuildRequest
from engine.build.services import Cache, ImageStore, Layers, StepRunner
from engine.build.tree import Tree
from engine.model.digest import Digest
from engine.model.errors import Invalid, Missing
from engine.model.image import Image
from engine.model.platform import Platform


@dataclass(frozen=True, slots=True)
class Services:
    images: ImageStore
    layers: Layers
    containers: StepRunner
    cache: Cache
    now: Callable[[], datetime]
    machine: Platform


@dataclass(slots=True)
class Workshop:
    """``results`` maps a stage's index to its image, None for a stage that is still empty.

    ``cache_sources`` are the images that a step may come from when the request names some; None: any.
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
    step_number: int = 0
    cache_sources: frozenset[Digest] | None = None

    async def say(self, text: str) -> None:
        await self.emit(Stream(text))

    async def begin_step(self, text: str) -> None:
        self.step_number += 1
        await self.say(f"Step {self.step_number}/{self.plan.step_count} : {text}\n")

    def image_named(self, name: str) -> Image:
        """An image of this engine. Raises Missing."""
        try:
            return self.pinned(self.services.images.get(name))
        except Missing as error:
            raise Missing(
                f"{error}: it is not in this engine, and pulling during a build is not supported yet"
            ) from error

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
