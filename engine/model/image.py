"""An image: an ordered stack of layers and the configuration a container starts with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from engine.model.digest import Digest, chain_id
from engine.model.platform import Platform
from engine.model.ports import Port


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """``test`` is () to inherit, ("NONE",) to disable, ("CMD", …) or ("CMD-SHELL", text).

    Times count nanoseconds, 0 means the default.
    """

    test: tuple[str, ...] = ()
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says about how to run it. ``None`` for cmd/entrypoint/shell means "not said"."""

    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    env: tuple[str, ...] = ()
    working_dir: str = ""
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed_ports: frozenset[Port] = frozenset()
    volumes: frozenset[str] = frozenset()
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None
    shell: tuple[str, ...] | None = None
    on_build: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """One instruction of an image's making; ``empty_layer`` when it changed only the configuration."""

    created_at: datetime | None
    created_by: str
    comment: str = ""
    author: str = ""
    empty_layer: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """The container an image was committed from, and what that was made of, as its client named it."""

    container_id: str
    image_name: str


@dataclass(frozen=True, slots=True)
class Image:
    """``id`` is the digest of the configuration document. ``diff_ids`` and ``history`` are lowest first.

    ``size_bytes`` is the sum of the layers' unpacked sizes. ``manifest_type`` is the media type of the manifest it was
    pulled with, to be pushed again as the same; "" for an image that was made or loaded here.
    """

    id: Digest
    config: ImageConfig
    platform: Platform
    created_at: datetime | None
    diff_ids: tuple[Digest, ...]
    history: tuple[History, ...] = ()
    author: str = ""
    comment: str = ""
    docker_version: str = ""
    parent: Digest | None = None
    origin: Origin | None = None
    size_bytes: int = 0
    manifest_type: str = ""

    @property
    def chain(self) -> Digest | None:
        """Identity of the whole layer stack; None for an image without layers."""
        return chain_id(self.diff_ids) if self.diff_ids else None
