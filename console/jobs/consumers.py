"""Live topics of jobs: bells for the list, and each job's output by cursor."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from asgiref.sync import sync_to_async

from console.jobs import output
from console.jobs.queries import get_job
from console.live.topics import Chunk, Line, Words, register, register_rows
from console.operations.actor import Actor
from console.operations.permissions import Permission


def chunk_of(batch: output.OutputBatch, *, state: str = "") -> Chunk:
    lines = tuple(Line(text) for text in batch.lines)
    return Chunk(batch.cursor, lines, ended=batch.is_end, facts={"state": state} if state else {})


def authorise_job(actor: Actor, words: Words) -> None:
    get_job(actor, int(words["number"]))


async def follow_output(actor: Actor, words: Words, since: str | None) -> AsyncGenerator[Chunk, None]:
    number = int(words["number"])
    # a generator by nature, whose connection to Redis must not outlive the reader
    following = cast("AsyncGenerator[output.OutputBatch, None]", output.follow(number, since=since))
    async with aclosing(following) as batches:
        async for batch in batches:
            state = (await sync_to_async(get_job)(actor, number)).state if batch.is_end else ""
            yield chunk_of(batch, state=state)


register_rows("rows.jobs", Permission.JOB_VIEW)
register_rows("rows.hosts", Permission.HOST_VIEW)
register(r"job\.(?P<number>[1-9][0-9]{0,17})", authorise_job)
register(r"job\.(?P<number>[1-9][0-9]{0,17})\.output", authorise_job, follow_output)
