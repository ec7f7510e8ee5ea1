"""``docker commit``: an image of a container's files and of what it was asked to be."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.containers.service import Containers
from engine.images.changes import apply_changes
from engine.images.service import Images
from engine.model.container import Container, ContainerSpec
from engine.model.digest import Digest
from engine.model.errors import EngineError, Missing
from engine.model.image import History, Image, ImageConfig, Origin
from engine.model.platform import Platform
from engine.model.reference import Reference
from engine.store.layers import LayerStore
from engine.wire.container_create import merged


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRequest:
    """``config`` takes the place of the container's own, which still fills what it leaves open."""

    reference: Reference | None = None
    comment: str = ""
    author: str = ""
    pause: bool = True
    changes: tuple[str, ...] = ()
    config: ImageConfig | None = None


class Commits:
    def __init__(
        self,
        images: Images,
        layers: LayerStore,
        containers: Containers,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._images = images
        self._layers = layers
        self._containers = containers
        self._now = now

    async def commit(self, name: str, request: CommitRequest) -> Image:
        """The new image, whole and tagged. Raises Invalid before anything is done, Missing, Conflict."""
        container = self._containers.get(name)
        config = committed_config(container.spec, request)
        with self._layers.pin(container.layers):
            async with self._containers.quiet_upper(container.id, pause=request.pause) as upper:
                layer = await self._layers.commit_upper(upper, parent_diff_ids=container.layers)
            diff_ids = (*container.layers, *((layer.diff_id,) if layer else ()))
            try:
                with self._layers.pin(diff_ids):
                    image = await self._create(container, request, config, diff_ids)
            except (EngineError, OSError):
                await self._images.drop_unneeded(diff_ids)
                raise
        if request.reference is not None:
            await self._images.tag(str(image.id), request.reference)
        shown = request.reference.with_default_tag().familiar if request.reference else ""
        self._containers.emit("commit", container, comment=request.comment, imageID=str(image.id), imageRef=shown)
        return image

    async def _create(
        self, container: Container, request: CommitRequest, config: ImageConfig, diff_ids: tuple[Digest, ...]
    ) -> Image:
        parent = self._find_parent(container)
        now = self._now()
        step = History(
            now,
            " ".join(container.spec.cmd or ()),
            comment=request.comment,
            author=request.author,
            empty_layer=diff_ids == container.layers,
        )
        return await self._images.create(
            config=config,
            diff_ids=diff_ids,
            history=(*_history(container, parent), step),
            platform=parent.platform if parent else Platform.of_machine(os.uname().machine),
            created_at=now,
            author=request.author,
            comment=request.comment,
            parent=parent.id if parent else None,
            origin=Origin(container.id, container.spec.image_name),
        )

    def _find_parent(self, container: Container) -> Image | None:
        """None when it was removed by force: its layers are still there, for the container's sake."""
        try:
            image = self._images.get(str(container.spec.image_id))
        except Missing:
            return None
        return image if image.diff_ids == container.layers else None


def _history(container: Container, parent: Image | None) -> tuple[History, ...]:
    """One entry for each layer at least: tools refuse an image with more layers than steps."""
    if parent is None:
        return tuple(History(None, "") for _ in container.layers)
    missing = len(parent.diff_ids) - sum(not entry.empty_layer for entry in parent.history)
    return (*(History(None, "") for _ in range(missing)), *parent.history)


def committed_config(spec: ContainerSpec, request: CommitRequest) -> ImageConfig:
    """What the client says, else what the container was asked to be (moby: daemon/commit.go). Raises Invalid."""
    own = _config_of(spec)
    return merged(apply_changes(request.config or own, request.changes), own)


def _config_of(spec: ContainerSpec) -> ImageConfig:
    return ImageConfig(
        entrypoint=spec.entrypoint,
        cmd=spec.cmd,
        env=spec.env,
        working_dir=spec.working_dir,
        user=spec.user,
        labels=spec.labels,
        exposed_ports=spec.exposed_ports,
        volumes=spec.volumes,
        stop_signal=spec.stop_signal,
        healthcheck=spec.healthcheck,
        shell=spec.shell,
    )
