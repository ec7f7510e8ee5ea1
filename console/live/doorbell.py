"""Ringing and hearing doorbells over the channel layer: "something changed", never what."""

import re
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def group_of(topic: str) -> str:
    """The channel layer's name for ``topic`` (it allows 99 plain characters)."""
    return f"live.{UNSAFE.sub('_', topic)}"[:99]


def ring(topic: str, payload: dict[str, Any]) -> None:
    """Ring ``topic`` (setting ``NARU_PUBLISHER``). Of ``payload`` only a ``user_pk`` travels, for ``access``."""
    layer = get_channel_layer()
    if layer is None:
        return
    message = {"type": "live.rung", "topic": topic, "user_pk": payload.get("user_pk")}
    async_to_sync(layer.group_send)(group_of(topic), message)
