"""Images and containers to test with."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from engine.model.container import Container, ContainerSpec
from engine.model.digest import Digest
from engine.model.image import Image, ImageConfig
from engine.model.platform import Platform

MADE_AT = datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)
IMAGE_ID = Digest.of(b"image")


def image(**config: Any) -> Image:
    config = {"cmd": ("sh",), "env": ("PATH=/bin",)} | config
    return Image(
        id=IMAGE_ID,
        config=ImageConfig(**config),
        platform=Platform(),
        created_at=MADE_AT,
        diff_ids=(Digest.of(b"layer"),),
        size_bytes=1000,
    )


def container(spec: dict[str, Any] | None = None, **fields: Any) -> Container:
    made = ContainerSpec(image_id=IMAGE_ID, image_name="busybox", cmd=("sleep", "1 day"))
    default: dict[str, Any] = {"id": "c" * 64, "name": "quiet_whale", "created_at": MADE_AT}
    return Container(spec=replace(made, **(spec or {})), **(default | fields))
