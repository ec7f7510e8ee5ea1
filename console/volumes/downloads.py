"""A backup's tar on its way to whoever takes it away."""

import asyncio
from collections.abc import AsyncGenerator

from django.http import StreamingHttpResponse

from console.volumes.files import files
from console.volumes.models import Backup

PIECE_BYTES = 256 * 1024


def file_of(backup: Backup) -> StreamingHttpResponse:
    """Piece by piece: a server that answers many at once would take a whole file that is read in its own way into
    memory. Missing when it is not there any more.
    """
    files.open_kept(backup.pk).close()
    name = f"{backup.volume_name}-{backup.created_at:%Y%m%d-%H%M}.tar"
    response = StreamingHttpResponse(_pieces(backup.pk), content_type="application/x-tar")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Content-Length"] = str(backup.size_bytes)
    response["X-Content-SHA256"] = backup.sha256
    return response


async def _pieces(number: int) -> AsyncGenerator[bytes, None]:
    file = await asyncio.to_thread(files.open_kept, number)
    try:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
    finally:
        file.close()
