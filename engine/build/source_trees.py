"""Where an instruction finds files: the build context, or the file system of the stage or image ``from`` names."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from engine.build.plan import source_stage
from engine.build.rootfs import Rootfs
from engine.build.services import ScratchFiles
from engine.build.tree import Tree
from engine.build.workshop import Workshop
from engine.model.errors import EngineError, Invalid
from engine.model.image import Image


@asynccontextmanager
async def files_of(workshop: Workshop, image: Image | None) -> AsyncIterator[ScratchFiles]:
    async with workshop.services.containers.scratch(image.diff_ids if image else ()) as scratch:
        yield scratch


async def source_tree(workshop: Workshop, flag: str, held: AsyncExitStack, *, stage_index: int) -> Tree:
    """``flag`` "" is the context. Raises Invalid, Missing and what pulling raises."""
    if not flag:
        return workshop.context
    index = source_stage(flag, workshop.plan.indices, current=stage_index)
    if index is None:
        try:
            image: Image | None = await workshop.image_named(flag)
        except EngineError as error:
            raise type(error)(f"invalid from flag value {flag[:80]}: {error}") from error
    elif index in workshop.results:
        image = workshop.results[index]
    else:  # an ONBUILD trigger named it: the plan could not know
        raise Invalid(f"invalid from flag value {flag[:80]}: that stage is not part of this build")
    scratch = await held.enter_async_context(files_of(workshop, image))
    return Rootfs(scratch.rootfs)
