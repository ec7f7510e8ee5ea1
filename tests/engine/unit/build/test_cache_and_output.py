import asyncio
import threading
from dataclasses import replace

import pytest

from engine.build.cache import step_key
from engine.build.messages import Message, Stream
from engine.build.output import Quiet, StepOutput
from engine.build.threads import in_thread
from engine.model.digest import Digest
from engine.model.image import Image, ImageConfig
from engine.model.platform import Platform

PARENT = Image(Digest.of(b"1"), ImageConfig(), Platform(), created_at=None, diff_ids=())


def test_a_key_covers_everything_a_step_depends_on() -> None:
    base = step_key(PARENT, platform=Platform(), created_by="RUN x", depends_on=["a"])
    assert base == step_key(PARENT, platform=Platform(), created_by="RUN x", depends_on=("a",))
    others = {
        step_key(None, platform=Platform(), created_by="RUN x", depends_on=["a"]),
        step_key(replace(PARENT, id=Digest.of(b"2")), platform=Platform(), created_by="RUN x", depends_on=["a"]),
        step_key(PARENT, platform=Platform(architecture="arm64"), created_by="RUN x", depends_on=["a"]),
        step_key(PARENT, platform=Platform(), created_by="RUN y", depends_on=["a"]),
        step_key(PARENT, platform=Platform(), created_by="RUN x", depends_on=["a", "b"]),
        step_key(PARENT, platform=Platform(), created_by="RUN x", depends_on=["ab"]),
        step_key(PARENT, platform=Platform(), created_by="RUN x", depends_on=["a"], author="me"),
    }
    assert len(others | {base}) == 8


async def test_output_is_cut_into_lines_and_characters_are_kept_whole() -> None:
    messages: list[Message] = []

    async def emit(message: Message) -> None:
        messages.append(message)

    output = StepOutput(emit)
    await output.take(1, b"a\nb\r\x0b\nc\xc3")
    await output.take(2, b"err\n")
    await output.take(1, b"\xa9\xff")
    await output.take(1, b"\xc3")
    await output.end()
    texts = [message.text for message in messages if isinstance(message, Stream)]
    assert texts == ["a\n", "b\r\x0b\n", "c", "\x1b[91merr\n\x1b[0m", "é\ufffd", "\ufffd"]


async def test_a_quiet_build_holds_a_bounded_tail() -> None:
    quiet, released = Quiet(), list[Message]()

    async def emit(message: Message) -> None:
        released.append(message)

    for number in range(100):
        await quiet.emit(Stream(f"{number}" + "x" * 100_000))
    await quiet.release(emit)
    assert 30 < len(released) < 45
    last = released[-1]
    assert isinstance(last, Stream)
    assert last.text.startswith("99x")


async def test_a_cancelled_waiter_goes_on_only_when_its_thread_has_ended() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(10)
        ended.set()

    task = asyncio.ensure_future(in_thread(work))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_an_error_in_a_thread_is_raised() -> None:
    def work() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        await in_thread(work)
