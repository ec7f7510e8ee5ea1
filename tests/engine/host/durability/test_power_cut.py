"""The power goes while images come in: what is listed afterwards is whole, and what is not leaves nothing.

NARU_POWER_CUTS says how many cuts at random moments are made, 4 by default; the seed is printed where one fails, and
given by NARU_POWER_CUT_SEED.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.engine.conftest import REPOSITORY
from tests.engine.host.durability.conftest import LOADED, assert_whole, checked_archive, images
from tests.engine.host.durability.disks import (
    EngineOnDisk,
    Namespace,
    engine_on,
    make_disk,
    mount_namespace,
    need_loop_devices,
)
from tests.engine.host.registry.servers import Server, docker_registry

pytestmark = pytest.mark.host
_CUTS = int(os.environ.get("NARU_POWER_CUTS", "4"))
_SEED = int(os.environ.get("NARU_POWER_CUT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
_MIB = 160
_LATEST = 1.2  # of how long the work takes when nothing disturbs it


@dataclass
class Machine:
    """``engine`` works on ``inner``, a disk in a file on another disk; ``BASE`` is there already."""

    engine: EngineOnDisk
    namespace: Namespace
    outer: Path
    directory: Path
    registry: Server
    took_s: dict[str, float] = field(default_factory=dict)
    cuts: int = 0

    def cut_power(self) -> Path:
        """A copy of the disk as it is this moment."""
        self.cuts += 1
        copy = self.directory / f"cut-{self.cuts}.img"
        self.namespace.run("fsfreeze", "--freeze", self.outer)
        try:
            self.namespace.run("cp", "--sparse=always", self.outer / "inner.img", copy)
        finally:
            self.namespace.run("fsfreeze", "--unfreeze", self.outer)
        return copy


Work = Callable[[Machine], object]


def _load(machine: Machine) -> None:
    archive = checked_archive(tag="new:1", seed=random.randrange(10**6))
    machine.engine.docker("load", input=archive)


def _pull(machine: Machine) -> None:
    machine.engine.docker("pull", "--quiet", f"{machine.registry.address}/pulled:1")


def _build(machine: Machine) -> None:
    step = 'RUN ["/bin/busybox", "cp", "-r", "/data-0", "/copy"]'
    machine.engine.docker("build", "--no-cache", "-t", "built:1", "-", input=f"FROM {LOADED}\n{step}\n".encode())


def _commit(machine: Machine) -> None:
    machine.engine.docker("commit", "written", f"committed:{time.monotonic_ns()}")


WORK: dict[str, Work] = {"load": _load, "pull": _pull, "build": _build, "commit": _commit}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    directory = tmp_path_factory.mktemp("power")
    need_loop_devices(directory)
    outer = directory / "outer"
    outer.mkdir()
    make_disk(directory / "outer.img", mib=2 * _MIB)
    with mount_namespace() as namespace, docker_registry(directory / "registry") as registry:
        namespace.run("mount", "-o", "loop", directory / "outer.img", outer)
        make_disk(directory / "made.img", mib=_MIB)
        namespace.run("cp", "--sparse=always", directory / "made.img", outer / "inner.img")
        with engine_on(outer / "inner.img", namespace) as engine:
            machine = Machine(engine, namespace, outer, directory, registry)
            _prepare(machine)
            yield machine


def _prepare(machine: Machine) -> None:
    engine, remote = machine.engine, f"{machine.registry.address}/pulled:1"
    engine.docker("load", input=checked_archive(tag=remote, seed=7))
    engine.docker("push", "--quiet", remote)
    engine.docker("load", input=checked_archive())
    engine.docker("run", "--name", "written", LOADED, "/bin/busybox", "cp", "-r", "/data-0", "/copy")
    _forget(machine)
    for name, work in WORK.items():
        began = time.monotonic()
        work(machine)
        machine.took_s[name] = time.monotonic() - began
        _forget(machine)


def _forget(machine: Machine) -> None:
    """All images but the one that the work stands on."""
    kept = machine.engine.out("images", "--quiet", "--no-trunc", LOADED)
    for image in set(images(machine.engine)) - {kept}:
        machine.engine.docker("rmi", "--force", image, check=False)  # one may have gone with another


def _fsck(engine: EngineOnDisk) -> "subprocess.CompletedProcess[str]":
    assert engine.namespace is not None
    places = ["--data-root", str(engine.root / "data"), "--run-root", str(engine.run_root)]
    words = [*engine.namespace.enter, "env", "-C", str(REPOSITORY), sys.executable, "-m", "engine", "fsck", *places]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def check(copy: Path, *, has: str = "") -> None:
    """Boot from it: every image that is listed, and ``has`` among them, is whole; nothing else is on the disk."""
    with mount_namespace() as namespace, engine_on(copy, namespace) as engine:
        listed = images(engine)
        for image in listed:
            assert_whole(engine, image)
        if has:
            assert engine.out("images", "--quiet", "--no-trunc", has) in listed
        engine.stop()
        done = _fsck(engine)
        assert done.stdout == "clean\n", done.stdout + done.stderr
        engine.start()
    copy.unlink()


@pytest.mark.parametrize("number", range(_CUTS))
def test_a_cut_at_any_moment_leaves_whole_images_and_nothing_else(machine: Machine, number: int) -> None:
    print(f"NARU_POWER_CUT_SEED={_SEED}")  # noqa: T201 (shown with a failure)
    chance = random.Random(_SEED + number)
    name = list(WORK)[number % len(WORK)]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            WORK[name](machine)
        except AssertionError as error:
            failures.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    time.sleep(chance.uniform(0, _LATEST * machine.took_s[name]))  # the moment of the cut; any will do
    copy = machine.cut_power()
    worker.join()
    assert not failures, failures
    check(copy, has=LOADED)
    _forget(machine)


def test_an_image_that_was_said_to_be_loaded_survives_a_cut_right_after(machine: Machine) -> None:
    machine.engine.docker("load", input=checked_archive(tag="just:1", seed=99))
    copy = machine.cut_power()
    check(copy, has="just:1")
    _forget(machine)
