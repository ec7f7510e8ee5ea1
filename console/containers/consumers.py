"""Live topics of containers: bells for the list and for one container, and its log by cursor."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from asgiref.sync import sync_to_async

from console.containers.log_text import follow_log
from console.containers.queries import get_container_by_pk, get_container_for_logs
from console.live.topics import Chunk, Words, register, register_rows
from console.operations.actor import Actor
from console.operations.permissions import Permission


def authorise_container(actor: Actor, words: Words) -> None:
    get_container_by_pk(actor, int(words["pk"]))


def authorise_log(actor: Actor, words: Words) -> None:
    get_container_for_logs(actor, int(words["pk"]))


async def follow(actor: Actor, words: Words, since: str | None) -> AsyncGenerator[Chunk, None]:
    container = await sync_to_async(get_container_for_logs)(actor, int(words["pk"]))
    async with aclosing(follow_log(container.host.address, container.engine_id, since)) as chunks:
        async for chunk in chunks:
            yield chunk


register_rows("rows.containers", Permission.CONTAINER_VIEW)
register(r"container\.(?P<pk>[1-9][0-9]{0,17})", authorise_container)
register(r"container\.(?P<pk>[1-9][0-9]{0,17})\.log", authorise_log, follow)
