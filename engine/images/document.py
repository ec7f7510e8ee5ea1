"""The image configuration document: Docker's image JSON and the OCI image-spec's config.md, which agree.

Its digest is the image's id. Field names, and Docker's own Healthcheck, Shell and OnBuild, follow moby's image.go.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from engine.model.digest import Digest
from engine.model.errors import Invalid
from engine.model.image import Healthcheck, History, Image, ImageConfig
from engine.model.platform import Platform
from engine.model.ports import Port

_LARGEST = 4 << 20
_Value = TypeVar("_Value")


class _Healthcheck(msgspec.Struct, rename="pascal", omit_defaults=True):
    test: list[str] | None = None
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class _Config(msgspec.Struct, rename="pascal", omit_defaults=True):
    user: str = ""
    exposed_ports: dict[str, Any] | None = None
    env: list[str] | None = None
    entrypoint: list[str] | str | None = None
    cmd: list[str] | str | None = None
    volumes: dict[str, Any] | None = None
    working_dir: str = ""
    labels: dict[str, str] | None = None
    stop_signal: str = ""
    healthcheck: _Healthcheck | None = None
    shell: list[str] | None = None
    on_build: list[str] | None = None


class _RootFs(msgspec.Struct):
    diff_ids: list[str] = []
    type: str = "layers"


class _History(msgspec.Struct, omit_defaults=True):
    created: str | None = None
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class _Document(msgspec.Struct, omit_defaults=True):
    rootfs: _RootFs
    architecture: str = ""
    os: str = ""
    variant: str = ""
    created: str | None = None
    author: str = ""
    comment: str = ""
    docker_version: str = ""
    config: _Config | None = None
    history: list[_History] | None = None


def encode_config(image: Image) -> bytes:
    """The document for ``image``; its ``id``, ``parent`` and ``size_bytes`` are not part of it."""
    document = _Document(
        rootfs=_RootFs([str(diff_id) for diff_id in image.diff_ids]),
        architecture=image.platform.architecture,
        os=image.platform.os,
        variant=image.platform.variant,
        created=_written(image.created_at),
        author=image.author,
        comment=image.comment,
        docker_version=image.docker_version,
        config=_encoded(image.config),
        history=[
            _History(_written(entry.created_at), entry.created_by, entry.author, entry.comment, entry.empty_layer)
            for entry in image.history
        ],
    )
    return msgspec.json.encode(document)


def decode_config(data: bytes) -> Image:
    """The image a document describes; ``size_bytes`` is 0. Raises Invalid, naming the field."""
    if len(data) > _LARGEST:
        raise Invalid(f"image configuration has more than {_LARGEST} bytes")
    document = _parsed(data)
    config = document.config or _Config()
    return Image(
        id=Digest.of(data),
        config=_decoded(config),
        platform=Platform(document.os or "linux", document.architecture or "amd64", document.variant),
        created_at=_read(document.created),
        diff_ids=tuple(Digest.parse(text) for text in document.rootfs.diff_ids),
        history=tuple(
            History(_read(entry.created), entry.created_by, entry.comment, entry.author, entry.empty_layer)
            for entry in document.history or ()
        ),
        author=document.author,
        comment=document.comment,
        docker_version=document.docker_version,
    )


def _parsed(data: bytes) -> _Document:
    try:
        return _DECODER.decode(without_nulls(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"image configuration: {error}") from error


def without_nulls(data: bytes) -> bytes:
    """The same JSON without members that are null: Go writes null for an absent list or string."""
    return msgspec.json.encode(_pruned(msgspec.json.decode(data)))


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _pruned(member) for key, member in value.items() if member is not None}
    return [_pruned(item) for item in value] if isinstance(value, list) else value


_DECODER = msgspec.json.Decoder(_Document)


def _encoded(config: ImageConfig) -> _Config:
    check = config.healthcheck
    return _Config(
        user=config.user,
        exposed_ports=_keys(str(port) for port in sorted(config.exposed_ports)),
        env=_list(config.env),
        entrypoint=_listed(config.entrypoint),
        cmd=_listed(config.cmd),
        volumes=_keys(sorted(config.volumes)),
        working_dir=config.working_dir,
        labels={key: config.labels[key] for key in sorted(config.labels)} or None,
        stop_signal=config.stop_signal,
        healthcheck=_Healthcheck(
            test=list(check.test),
            interval=check.interval_ns,
            timeout=check.timeout_ns,
            start_period=check.start_period_ns,
            start_interval=check.start_interval_ns,
            retries=check.retries,
        )
        if check
        else None,
        shell=_listed(config.shell),
        on_build=_list(config.on_build),
    )


def _decoded(config: _Config) -> ImageConfig:
    check = config.healthcheck
    return ImageConfig(
        entrypoint=_words(config.entrypoint),
        cmd=_words(config.cmd),
        env=tuple(config.env or ()),
        working_dir=config.working_dir,
        user=config.user,
        labels=config.labels or {},
        exposed_ports=frozenset(Port.parse(text) for text in config.exposed_ports or ()),
        volumes=frozenset(config.volumes or ()),
        stop_signal=config.stop_signal,
        healthcheck=Healthcheck(
            test=tuple(check.test or ()),
            interval_ns=check.interval,
            timeout_ns=check.timeout,
            start_period_ns=check.start_period,
            start_interval_ns=check.start_interval,
            retries=check.retries,
        )
        if check
        else None,
        shell=_words(config.shell),
        on_build=tuple(config.on_build or ()),
    )


def _words(value: list[str] | str | None) -> tuple[str, ...] | None:
    """Very old images hold a plain string."""
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)


def _listed(value: tuple[str, ...] | None) -> list[str] | None:
    return None if value is None else list(value)


def _list(value: tuple[str, ...]) -> list[str] | None:
    return list(value) or None


def _keys(names: Iterable[str]) -> dict[str, Any] | None:
    return {name: {} for name in names} or None


def _written(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def _read(text: str | None) -> datetime | None:
    """Docker's zero time, year 1, means that there is none."""
    if not text:
        return None
    try:
        at = msgspec.convert(text, datetime, strict=True)
    except msgspec.ValidationError as error:
        raise Invalid(f"image configuration: {text[:40]!r} is not a time") from error
    return None if at.year == 1 else at if at.tzinfo else at.replace(tzinfo=UTC)
