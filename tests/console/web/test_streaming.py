"""Answers longer than memory are taken piece by piece, whoever serves them."""

import io
import threading
from collections.abc import Iterator

from django.http import StreamingHttpResponse

from console.web.streaming import PIECE_BYTES, file_pieces, in_pieces


async def test_no_more_is_taken_than_somebody_waits_for() -> None:
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "a line of it\n"

    pieces = in_pieces(lines())
    first = await anext(pieces)
    assert PIECE_BYTES <= len(first) < PIECE_BYTES + 100
    assert taken * len("a line of it\n") == len(first)
    await anext(pieces)
    await pieces.aclose()


async def test_all_of_it_comes_in_order_from_one_thread() -> None:
    threads = set()

    def lines() -> Iterator[str | bytes]:
        for number in range(20_000):
            threads.add(threading.get_ident())
            yield f"{number}\n" if number % 2 else f"{number}\n".encode()

    answer = StreamingHttpResponse(in_pieces(lines()))
    assert answer.is_async
    whole = b"".join([answer.make_bytes(piece) async for piece in answer])
    assert whole == b"".join(b"%d\n" % number for number in range(20_000))
    assert len(threads) == 1


async def test_a_file_is_closed_when_nobody_waits_for_the_rest() -> None:
    file = io.BytesIO(bytes(10**6))
    pieces = file_pieces(lambda: file)
    assert len(await anext(pieces)) == 256 * 1024
    await pieces.aclose()
    assert file.closed
