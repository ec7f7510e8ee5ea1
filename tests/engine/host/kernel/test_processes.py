"""Running programs, telling processes apart, and hearing of changed files."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine.host import inotify, processes
from engine.host.userns import FIRST_ID, ID_COUNT, LAST_ID, UserNamespaces
from engine.model.errors import Missing, Unavailable


async def test_a_program_gets_its_input_and_gives_its_output() -> None:
    done = await processes.run(["sh", "-c", "cat; echo bad >&2; exit 3"], input=b"good", timeout_s=5)
    assert done == processes.Completed(3, b"good", b"bad\n")


async def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(Unavailable, match="did not finish within"):
        await processes.run(["sleep", "60"], timeout_s=0.05)


async def test_a_missing_program_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot run"):
        await processes.run(["/nonexistent/program"], timeout_s=5)


async def test_a_process_is_known_by_its_start_too() -> None:
    me = processes.identity(os.getpid())
    assert processes.is_alive(me)
    assert not processes.is_alive(replace(me, start_ticks=me.start_ticks + 1))
    assert not processes.is_alive(replace(me, boot_id="another"))


async def test_a_signal_ends_a_process_and_waiting_sees_it() -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    identity = processes.identity(child.pid)
    assert not await processes.wait_gone(identity, timeout_s=0.02)
    processes.send_signal(identity, signal.SIGKILL)
    assert await processes.wait_gone(identity, timeout_s=5)
    await child.wait()
    with pytest.raises(Missing):
        processes.send_signal(identity, signal.SIGKILL)


async def test_a_process_dies_with_all_that_it_started() -> None:
    def members() -> list[int]:
        return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]

    script = "sleep 999 & (sleep 999 & echo $!); echo $!; sleep 999"
    shell = await asyncio.create_subprocess_exec("sh", "-c", script, stdout=subprocess.PIPE, start_new_session=True)
    assert shell.stdout is not None
    pids = [shell.pid, int(await shell.stdout.readline()), int(await shell.stdout.readline())]
    family = [processes.identity(pid) for pid in pids]
    await asyncio.to_thread(processes.kill_family, shell.pid, members=members)
    assert await asyncio.gather(*(processes.wait_gone(each, timeout_s=5) for each in family)) == [True] * 3
    await shell.wait()
    await asyncio.to_thread(processes.kill_family, shell.pid, members=members)  # nobody is there any more


async def test_created_files_are_heard_of_in_order(tmp_path: Path) -> None:
    changes = inotify.Inotify()
    try:
        watch = changes.watch(tmp_path, inotify.CREATE)
        reading = asyncio.create_task(changes.read())
        await asyncio.sleep(0)
        (tmp_path / "one").touch()
        (tmp_path / "two").touch()
        async with asyncio.timeout(5):
            heard = await reading
        while len(heard) < 2:
            async with asyncio.timeout(5):
                heard += await changes.read()
        assert [(change.watch, change.name) for change in heard] == [(watch, "one"), (watch, "two")]
    finally:
        changes.close()


def test_id_ranges_follow_from_the_container_and_avoid_each_other() -> None:
    spaces = UserNamespaces()
    first = spaces.allocate_base("a" * 64, taken=())
    assert first == spaces.allocate_base("a" * 64, taken=())
    second = spaces.allocate_base("a" * 64, taken={first})
    assert second != first
    assert {(base - FIRST_ID) % ID_COUNT for base in (first, second)} == {0}
    assert all(FIRST_ID <= base <= LAST_ID - ID_COUNT for base in (first, second))


def test_a_large_range_overlaps_nothing_taken() -> None:
    spaces = UserNamespaces()
    first = spaces.allocate_base("b" * 64, taken=())
    taken = {first + ID_COUNT}
    large = spaces.allocate_base("b" * 64, taken=taken, id_count=ID_COUNT * 3)
    assert not large <= first + ID_COUNT < large + ID_COUNT * 3
