"""The image a stage has come to so far, and how the next one grows out of it: from the cache, or newly made."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from engine.build.arguments import StageArguments
from engine.build.cache import step_key
from engine.build.configuration import Setting, environment
from engine.build.threads import in_thread
from engine.build.workshop import Workshop
from engine.host.failpoints import reach
from engine.model.digest import Digest
from engine.model.errors import Missing
from engine.model.image import History, Image, ImageConfig
from engine.model.platform import Platform
from engine.store.records import CacheEntry, Layer

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MakeLayer = Callable[[], Awaitable[Layer | None]]


class Lineage:
    """``image`` is None until a stage FROM scratch has made its first."""

    def __init__(
        self, workshop: Workshop, base: Image | None, *, platform: Platform, arguments: StageArguments
    ) -> None:
        self._workshop = workshop
        self.image = base
        self.platform = base.platform if base else platform
        self.arguments = arguments
        config = base.config if base else ImageConfig()
        if "PATH" not in environment(config):
            config = replace(config, env=(*config.env, f"PATH={DEFAULT_PATH}"))
        self._setting = Setting(config, author=base.author if base else "", escape=workshop.escape)

    @property
    def config(self) -> ImageConfig:
        return self._setting.config

    @property
    def diff_ids(self) -> tuple[Digest, ...]:
        return self.image.diff_ids if self.image else ()

    @property
    def setting(self) -> Setting:
        """With the variables that an instruction at this point may use."""
        env = environment(self.config)
        return replace(self._setting, variables={**self.arguments.values(hidden_by=env), **env})

    def drop_triggers(self) -> None:
        """They have been read and concern this build only."""
        self._setting = replace(self._setting, config=replace(self.config, on_build=()))

    async def advance(
        self,
        created_by: str,
        *,
        setting: Setting | None = None,
        depends_on: Sequence[str] = (),
        make: MakeLayer | None = None,
    ) -> None:
        """The next image: ``setting`` is its configuration when that changes, ``make`` its new layer, if any."""
        reach("build.step")
        setting = setting or self._setting
        if self._workshop.epoch:
            depends_on = (*depends_on, f"dated {self._workshop.epoch.isoformat()}")
        key = step_key(
            self.image, platform=self.platform, created_by=created_by, depends_on=depends_on, author=setting.author
        )
        image = None if self._workshop.request.no_cache else await self._cached(key)
        if image is not None:
            await self._workshop.say(" ---> Using cache\n")
        else:
            layer = await make() if make else None
            image = await self._create(setting, layer, created_by)
            entry = CacheEntry(key, image.id, self._workshop.services.now())
            await in_thread(self._workshop.services.cache.save_cached, entry)
        self.image, self._setting = image, setting
        await self._workshop.say(f" ---> {image.id.short}\n")

    async def _cached(self, key: str) -> Image | None:
        """The image an equal step made, if it and its layers are still whole."""
        services = self._workshop.services
        entry = await in_thread(services.cache.find_cached, key)
        sources = self._workshop.cache_sources
        if entry is None or (sources is not None and entry.image_id not in sources):
            return None
        image = await in_thread(services.cache.find_image, entry.image_id)
        try:
            return self._workshop.pinned(image) if image else None
        except Missing:
            return None

    async def _create(self, setting: Setting, layer: Layer | None, created_by: str) -> Image:
        now = self._workshop.now
        step = History(now, created_by, author=setting.author, empty_layer=layer is None)
        image = await self._workshop.services.images.create(
            config=setting.config,
            diff_ids=(*self.diff_ids, layer.diff_id) if layer else self.diff_ids,
            history=(*(self.image.history if self.image else ()), step),
            platform=self.platform,
            created_at=now,
            author=setting.author,
            parent=self.image.id if self.image else None,
        )
        return self._workshop.pinned(image)
