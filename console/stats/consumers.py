"""Live topics of use: a bell when samples have come, and each container's samples by cursor."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from asgiref.sync import sync_to_async

from console.live.topics import Chunk, Words, register, register_rows
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.stats.live_use import follow_use
from console.stats.queries import get_container_for_stats_by_pk


def authorise_stats(actor: Actor, words: Words) -> None:
    get_container_for_stats_by_pk(actor, int(words["pk"]))


async def follow(actor: Actor, words: Words, since: str | None) -> AsyncGenerator[Chunk, None]:
    container = await sync_to_async(get_container_for_stats_by_pk)(actor, int(words["pk"]))
    host = container.host
    async with aclosing(follow_use(host.address, container.engine_id, since, host_name=host.name)) as chunks:
        async for chunk in chunks:
            yield chunk


register_rows("rows.stats", Permission.HOST_VIEW)
register(r"container\.(?P<pk>[1-9][0-9]{0,17})\.stats", authorise_stats, follow)
