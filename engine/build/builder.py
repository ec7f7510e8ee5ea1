"""``POST /build`` of the classic kind: a context and a Dockerfile in, an image out, with dockerd's words on the way."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from engine.build import lexer
from engine.build.arguments import SOURCE_DATE_EPOCH, BuildArguments, parse_epoch, platform_arguments
from engine.build.cache_mounts import CacheMounts
from engine.build.context import Context, received_context
from engine.build.dockerignore import Dockerignore
from engine.build.instructions import Dockerfile
from engine.build.messages import BuiltImage, Emit, Stream
from engine.build.output import Quiet, reddened
from engine.build.parser import parse_dockerfile
from engine.build.plan import make_plan
from engine.build.remote_sources import remote_archive, remote_context
from engine.build.request import BuildRequest
from engine.build.rooms import Rooms
from engine.build.services import Cache, ImagePuller, ImageStore, Layers, StepRunner
from engine.build.sources import path_inside
from engine.build.stages import run_stages
from engine.build.threads import in_thread
from engine.build.workshop import Services, Workshop
from engine.config import RegistryConfig
from engine.model.errors import EngineError, Invalid
from engine.model.image import Image
from engine.model.platform import Platform

_IGNORE_FILE = ".dockerignore"
_LARGEST_IGNORE_BYTES = 1 << 20


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Builder:
    """Builds are independent of each other and may run at the same time.

    ``spool_root`` is a private directory; the context is kept there, without a name, while its build lasts.
    ``cache_root`` holds what cache mounts keep. ``instance`` tells this engine from others on the host.
    ``outside`` says where in this network a Dockerfile may lead the engine.
    """

    def __init__(
        self,
        images: ImageStore,
        puller: ImagePuller,
        layers: Layers,
        containers: StepRunner,
        cache: Cache,
        *,
        spool_root: Path,
        cache_root: Path,
        instance: str,
        outside: RegistryConfig,
        clock: Callable[[], datetime] = _utc_now,
        machine: Platform | None = None,
    ) -> None:
        machine = machine or Platform.of_machine(os.uname().machine)
        rooms = Rooms(spool_root, instance)
        rooms.sweep()
        self.caches = CacheMounts(cache_root, now=clock)
        self._services = Services(
            images, puller, layers, containers, cache, clock, machine, rooms, self.caches, outside
        )
        self._spool_root = spool_root

    async def build(self, request: BuildRequest, context: AsyncIterator[bytes], emit: Emit) -> Image:
        """Read ``context`` to its end, then build; the image is tagged when this returns.

        What is raised before the first message is about the request or the Dockerfile and nothing was done yet.
        Cancelled or failed, it leaves the images of the steps that were completed, for the next build to go on from.
        """
        request.refuse_unsupported()
        if not request.quiet:
            return await self._build(request, context, emit)
        quiet = Quiet()
        try:
            image = await self._build(request, context, quiet.emit)
        except EngineError:
            await quiet.release(emit)
            raise
        await emit(Stream(f"{image.id}\n"))
        return image

    def archive(self, address: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A root file system from elsewhere, for ``docker import``: by the rules for what a Dockerfile names."""
        return remote_archive(address, self._services.rooms, config=self._services.outside)

    async def _build(self, request: BuildRequest, chunks: AsyncIterator[bytes], emit: Emit) -> Image:
        machine = self._services.machine
        epoch = parse_epoch(request.build_args.get(SOURCE_DATE_EPOCH))
        limits, discarded = await self._services.containers.kept_limits(request.resources)
        request = replace(request, resources=limits)
        async with self._context(request, chunks) as context:
            dockerfile = await in_thread(_read_dockerfile, context, request.dockerfile)
            visible = await in_thread(_visible, context)
            automatic = platform_arguments(target=request.platform or machine, machine=machine)
            arguments = BuildArguments(request.build_args, automatic=automatic)
            plan = make_plan(dockerfile, request, arguments)
            with ExitStack() as pins:
                workshop = Workshop(self._services, request, plan, visible, dockerfile.escape, emit, pins, epoch=epoch)
                await in_thread(workshop.limit_cache)
                for warning in (*(f"[Warning] {text}\n" for text in discarded), *dockerfile.warnings):
                    await workshop.say(reddened(warning))
                image = await run_stages(workshop, arguments)
                await self._finish(workshop, image, arguments)
                return image

    def _context(self, request: BuildRequest, chunks: AsyncIterator[bytes]) -> AbstractAsyncContextManager[Context]:
        if request.remote:
            return remote_context(request.remote, self._services.rooms, config=self._services.outside)
        return received_context(chunks, spool_root=self._spool_root)

    async def _finish(self, workshop: Workshop, image: Image, arguments: BuildArguments) -> None:
        await workshop.emit(BuiltImage(image.id))
        if unused := arguments.unused():
            await workshop.say(f"[Warning] One or more build-args [{' '.join(unused)}] were not consumed\n")
        await workshop.say(f"Successfully built {image.id.short}\n")
        for reference in workshop.request.tags:
            await self._services.images.tag(str(image.id), reference)
            await workshop.say(f"Successfully tagged {reference.familiar}\n")


def _read_dockerfile(context: Context, name: str) -> Dockerfile:
    path = path_inside(name or "Dockerfile")
    data = context.read(path, at_most=lexer.LARGEST_DOCKERFILE_BYTES)
    if data is None and path == "Dockerfile":
        data = context.read("dockerfile", at_most=lexer.LARGEST_DOCKERFILE_BYTES)
    if data is None:
        raise Invalid(f"Cannot locate specified Dockerfile: {path[:200]}")
    return parse_dockerfile(lexer.decode_dockerfile(data, name=path[:200]))


def _visible(context: Context) -> Context:
    """The context without what .dockerignore excludes."""
    data = context.read(_IGNORE_FILE, at_most=_LARGEST_IGNORE_BYTES)
    return context.without(Dockerignore.parse(data)) if data else context
