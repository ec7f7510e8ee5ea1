"""The launcher keeps parts up: real processes, small ones."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from console.project.launcher.parts import Part, Places, parts_of
from console.project.launcher.supervisor import PartFailed, Supervisor

LIMIT_S = 15


class Heard:
    """What the parts said, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, part: str, text: str) -> None:
        self.lines.append((part, text))

    def pids(self, part: str) -> list[int]:
        """Parts in these tests print their pid when they start."""
        return [int(text) for name, text in self.lines if name == part and text.isdigit()]


async def until(question: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not question():
            await asyncio.sleep(0.02)


def program(name: str, body: str, **ready: Any) -> Part:
    return Part(name, (sys.executable, "-uc", f"import os, sys, time\nprint(os.getpid())\n{body}"), **ready)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def supervisor(tmp_path: Path, heard: Heard) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(environ={}, log_dir=tmp_path / "logs", say=heard, hung_s=2)
    yield supervisor
    await supervisor.stop()


async def test_a_part_that_dies_is_started_again(supervisor: Supervisor, heard: Heard) -> None:
    await supervisor.start(program("sleeper", "time.sleep(100)"))
    await until(lambda: heard.pids("sleeper"))
    os.kill(heard.pids("sleeper")[0], signal.SIGKILL)
    await until(lambda: len(heard.pids("sleeper")) == 2)
    assert ("sleeper", "ended with signal SIGKILL; starting it again") in heard.lines


async def test_a_part_that_takes_no_work_is_started_again(supervisor: Supervisor, heard: Heard, tmp_path: Path) -> None:
    alive = tmp_path / "alive" / "stuck"
    body = f"open({str(alive)!r}, 'w').close()\ntime.sleep(100)"
    await supervisor.start(program("stuck", body, alive_file=alive))
    await until(lambda: len(heard.pids("stuck")) == 2)
    assert any("took no work" in text for _, text in heard.lines)


async def test_a_part_that_never_gets_ready_says_why(supervisor: Supervisor) -> None:
    with pytest.raises(PartFailed, match=r"(?s)broken ended with exit code 3.*no such luck"):
        await supervisor.start(
            program("broken", "print('no such luck')\nsys.exit(3)", ready_address=Path("/nowhere/at/all"))
        )


async def test_stopping_ends_parts_in_reverse_order(supervisor: Supervisor, heard: Heard) -> None:
    body = "import signal\nsignal.signal(15, lambda *_: (print('bye'), sys.exit()))\nprint('up')\ntime.sleep(100)"
    await supervisor.start(program("first", body))
    await until(lambda: ("first", "up") in heard.lines)
    await supervisor.start(program("second", body))
    await until(lambda: ("second", "up") in heard.lines)
    await supervisor.stop()
    assert [name for name, text in heard.lines if text == "bye"] == ["second", "first"]
    assert not any(Path(f"/proc/{pid}").exists() for pid in heard.pids("first") + heard.pids("second"))


async def test_what_a_part_says_is_kept_in_a_file(supervisor: Supervisor, heard: Heard, tmp_path: Path) -> None:
    await supervisor.start(program("talker", "print('x' * 200_000)\nprint('done')\ntime.sleep(100)"))
    await until(lambda: ("talker", "done") in heard.lines)
    assert "done" in (tmp_path / "logs" / "talker.log").read_text()


def test_two_instances_share_nothing_but_the_checkout(tmp_path: Path) -> None:
    one = Places(tmp_path / "a", tmp_path / "ra", "127.0.0.1:8000")
    two = Places(tmp_path / "b", tmp_path / "rb", "127.0.0.1:8001")
    words = [{word for part in parts_of(places) for word in part.argv if "/" in word} for places in (one, two)]
    assert words[0] & words[1] == {sys.executable}
    assert one.environ()["REDIS_URL"] != two.environ()["REDIS_URL"]


def test_an_outside_redis_is_not_started(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path, "127.0.0.1:8000", redis_url="rediss://elsewhere:6379/0")
    assert "redis" not in [part.name for part in parts_of(places)]
    assert places.environ()["REDIS_URL"] == "rediss://elsewhere:6379/0"
