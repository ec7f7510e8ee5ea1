"""What stages say at the same time is heard one stage after the other, and nothing of it is changed."""

from contextlib import ExitStack
from pathlib import Path

from engine.build.messages import BuiltImage, Message, Pulling, Stream
from engine.build.ordered_output import OrderedOutput
from engine.model.digest import Digest
from engine.model.transfer import LayerStep, PushedTag, Remark

EVERY_KIND: list[Message] = [
    Stream("Step 1/2 : RUN true\n"),
    BuiltImage(Digest("a" * 64)),
    Pulling(Remark("Pulling from library/busybox", "latest")),
    Pulling(LayerStep("0123456789ab", "Downloading", 1, 2)),
    Pulling(PushedTag("latest", Digest("b" * 64), 3)),
]


async def test_what_was_held_back_is_told_as_it_was(tmp_path: Path) -> None:
    told: list[Message] = []

    async def emit(message: Message) -> None:
        told.append(message)

    with ExitStack() as held:
        output = OrderedOutput(emit, [0, 1], spool_root=tmp_path, held=held)
        later = output.of(1)
        for message in EVERY_KIND:
            await later(message)
        assert told == []
        await output.end(0)
        assert told == EVERY_KIND
        await later(Stream("done\n"))
        assert told == [*EVERY_KIND, Stream("done\n")]


async def test_a_stage_that_fails_is_heard_out_of_turn(tmp_path: Path) -> None:
    told: list[Message] = []

    async def emit(message: Message) -> None:
        told.append(message)

    with ExitStack() as held:
        output = OrderedOutput(emit, [0, 1], spool_root=tmp_path, held=held)
        await output.of(1)(Stream("it broke\n"))
        await output.fail(1)
    assert told == [Stream("it broke\n")]
