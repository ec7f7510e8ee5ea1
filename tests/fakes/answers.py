"""What a server has answered, whole."""

from typing import Any

from asgiref.sync import async_to_sync


def content_of(answer: Any) -> bytes:
    """Of an answer that comes piece by piece, too."""
    if not answer.streaming:
        return bytes(answer.content)
    if not answer.is_async:
        return b"".join(answer.streaming_content)

    async def whole() -> list[bytes]:
        return [answer.make_bytes(piece) async for piece in answer.streaming_content]

    # so that what asks the database does so where the test does
    return b"".join(async_to_sync(whole)())
