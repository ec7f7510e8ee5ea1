"""A capsule on its way to whoever takes it away."""

import asyncio
from collections.abc import AsyncGenerator

from django.http import HttpResponse, StreamingHttpResponse

from console.capsules.files import files
from console.capsules.models import EnvironmentLock, StackCapsule

PIECE_BYTES = 256 * 1024


def file_of(capsule: StackCapsule) -> StreamingHttpResponse:
    """Piece by piece. Missing when it is not there any more."""
    files.open_kept(capsule.pk).close()
    response = StreamingHttpResponse(_pieces(capsule.pk), content_type="application/x-tar")
    response["Content-Disposition"] = f'attachment; filename="{capsule.file_name}"'
    response["Content-Length"] = str(capsule.size_bytes)
    response["X-Content-SHA256"] = capsule.sha256
    return response


def lock_file(found: EnvironmentLock) -> HttpResponse:
    response = HttpResponse(found.lock.text(), content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{found.stack.name}.env.lock"'
    return response


async def _pieces(number: int) -> AsyncGenerator[bytes, None]:
    file = await asyncio.to_thread(files.open_kept, number)
    try:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
    finally:
        file.close()
