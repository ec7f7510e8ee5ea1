import asyncio

import pytest

from engine.containers.waiting import Exit, WaitCondition, Waiters


async def test_an_exit_ends_the_waits_for_it_but_not_for_the_removal() -> None:
    waiters = Waiters()
    waits = {condition: waiters.register("c", condition) for condition in WaitCondition}
    waiters.tell_exited("c", Exit(37))
    assert await waits[WaitCondition.NEXT_EXIT].exit() == Exit(37)
    assert await waits[WaitCondition.NOT_RUNNING].exit() == Exit(37)
    assert not waits[WaitCondition.REMOVED].is_over
    waiters.tell_removed("c", Exit(37))
    assert await waits[WaitCondition.REMOVED].exit() == Exit(37)


async def test_a_wait_is_told_of_the_first_end_after_it_was_registered_only() -> None:
    waiters = Waiters()
    waiters.tell_exited("c", Exit(1))
    wait = waiters.register("c", WaitCondition.NEXT_EXIT)
    waiters.tell_exited("other", Exit(2))
    assert not wait.is_over
    waiters.tell_exited("c", Exit(3))
    waiters.tell_exited("c", Exit(4))
    assert await wait.exit() == Exit(3)


async def test_a_cancelled_wait_troubles_nobody() -> None:
    waiters = Waiters()
    wait = waiters.register("c", WaitCondition.NEXT_EXIT)
    event = asyncio.Event()
    wait.on_end(event.set)
    wait.cancel()
    waiters.tell_exited("c", Exit(0))
    async with asyncio.timeout(1):
        await event.wait()
    with pytest.raises(asyncio.CancelledError):
        await wait.exit()
