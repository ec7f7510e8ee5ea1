import asyncio
import subprocess
import sys

import pytest

from engine.model.errors import Conflict
from engine.store.locks import InstanceLock, KeyedLock


async def test_one_key_is_held_by_one_at_a_time_and_then_forgotten():
    locks, order = KeyedLock(), []

    async def work(name, key):
        async with locks.hold(key):
            order.append(f"{name} in")
            await asyncio.sleep(0)
            order.append(f"{name} out")

    await asyncio.gather(work("a", 1), work("b", 1), work("c", 2))
    assert order.index("a out") < order.index("b in")
    assert order.index("c in") < order.index("a out")
    assert not locks.is_held(1)
    assert locks._locks == {}


async def test_waiting_for_a_key_can_be_cancelled():
    locks = KeyedLock()
    async with locks.hold("x"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), locks.hold("x"):
                pass
    async with locks.hold("x"):
        assert locks.is_held("x")


def test_a_second_engine_is_told_which_process_holds_the_directory(tmp_path):
    code = "import sys; from pathlib import Path; from engine.store.locks import InstanceLock\n"
    code += "InstanceLock(Path(sys.argv[1])).acquire(); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path / "engine.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        with pytest.raises(Conflict, match=f"process {holder.pid}"):
            InstanceLock(tmp_path / "engine.lock").acquire()
        holder.kill()
    with InstanceLock(tmp_path / "engine.lock"):
        pass
