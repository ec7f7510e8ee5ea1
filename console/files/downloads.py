"""A download of a container's file: on record before the first byte, and with its digest after the last."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import quote

from asgiref.sync import async_to_sync, sync_to_async
from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from console.containers.models import Container
from console.files import operations, reading
from console.files.reading import Sent
from console.hosts.files import File, shown
from console.operations.actor import Actor
from console.operations.errors import Invalid

BINARY = "application/octet-stream"


def download_answer(actor: Actor, container: Container, path: str) -> StreamingHttpResponse:
    """A file, or a tar of a directory. Raises Missing, and Invalid (path) for what is neither."""
    file = async_to_sync(reading.stat)(container.host.address, container.engine_id, path)
    if file.kind not in ("file", "directory"):
        raise Invalid(_("Only files and directories can be downloaded."), field="path")
    operations.note_reading(actor, container, act="download", path=path, file=file)
    is_file = file.kind == "file"
    response = StreamingHttpResponse(
        _recorded(actor, container, path, file), content_type=BINARY if is_file else "application/x-tar"
    )
    called = shown(path).rpartition("/")[2] or "root"
    response["Content-Disposition"] = _attachment(called if is_file else f"{called}.tar")
    response["X-Content-Type-Options"] = "nosniff"
    if is_file:
        response["Content-Length"] = str(file.size_bytes)
    return response


async def _recorded(actor: Actor, container: Container, path: str, file: File) -> AsyncGenerator[bytes, None]:
    sent = Sent()
    try:
        pieces = reading.content(container.host.address, container.engine_id, path, like=file, sent=sent)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
    finally:
        await sync_to_async(operations.note_download)(actor, container, path=path, sent=sent)


def _attachment(called: str) -> str:
    """Names come from containers: what a header cannot hold is written as RFC 5987 has it."""
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in called)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(called, safe='')}"
