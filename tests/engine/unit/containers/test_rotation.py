"""Rotation where the kernel does not let us ask first, and its end."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.config import EngineConfig
from engine.containers import log_generations, rotation
from engine.containers.changes import Changes
from engine.containers.open_logs import OpenLogs
from engine.containers.rotation import Rotation
from engine.host import processes
from engine.model.container import Container, ContainerSpec, LogConfig
from engine.model.digest import Digest


def refuse() -> None:
    raise PermissionError(1, "not permitted")


@pytest.fixture
def config(tmp_path: Path) -> EngineConfig:
    return EngineConfig(data_root=tmp_path)


@pytest.fixture
def container(config: EngineConfig) -> Container:
    spec = ContainerSpec(Digest.of(b""), "image", log=LogConfig(options={"max-size": "20k", "max-file": "2"}))
    made = Container("c" * 64, "box", spec, datetime.now(UTC))
    config.log_dir(made.id).mkdir(parents=True)
    log_generations.make_log(config.log_dir(made.id))
    return made


async def test_renames_are_followed_where_nobody_can_be_asked(
    config: EngineConfig, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "OpenGate", refuse)
    changes = Changes()
    found = Rotation(config, OpenLogs(config.log_dir, changes))
    directory = config.log_dir(container.id)
    (directory / log_generations.CURRENT).write_bytes(b"1")
    found.keep(container, processes.identity(os.getpid()))
    for number in range(2, 6):
        (directory / log_generations.NEXT).write_bytes(b"%d" % number)
        (directory / log_generations.NEXT).replace(directory / log_generations.CURRENT)
        async with asyncio.timeout(10):
            while log_generations.numbers(directory) != [number - 1, number]:
                await asyncio.sleep(0.001)
    assert (directory / "container.log.4").read_bytes() == b"4"
    await found.close()
    await changes.close()


async def test_conmon_is_told_what_is_left_of_the_file_and_gets_a_new_one_when_half_is_gone(
    config: EngineConfig, container: Container
) -> None:
    changes = Changes()
    found = Rotation(config, OpenLogs(config.log_dir, changes))
    current = config.log_path(container.id)
    current.write_bytes(b"x" * 6000 + b"\n")
    found.make_ready(container)
    assert found.monitor_size(container) == 20_000 - 6001
    current.write_bytes(b"x" * 15_000 + b"\n")
    found.make_ready(container)
    assert found.monitor_size(container) == 20_000
    assert log_generations.numbers(current.parent) == [1, 2]
    unlimited = replace(container, spec=replace(container.spec, log=LogConfig(options={"max-size": "-1"})))
    assert found.monitor_size(unlimited) == 0
    await found.close()
    await changes.close()
