"""An engine that fails, or dies, at each of its durable steps: nothing half-made is seen, kept, or in anyone's way.

All failures of one operation come in one engine, one after the other. For each death a fresh engine is started, which
recovers from the one before. NARU_FULL_MATRIX=1 runs every pair of operation and point.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.host.failpoints import KILLED, VARIABLE
from tests.engine.conftest import RunningEngine, running_engine, wait_until
from tests.engine.host.durability.conftest import assert_stored, assert_whole, checked_archive, images, stored
from tests.engine.host.registry.servers import Server, docker_registry

pytestmark = pytest.mark.host
BASE = "base:1"
MADE = "made:1"
_FULL = bool(os.environ.get("NARU_FULL_MATRIX"))
_NEW_LAYER = ("layer.rename", "layer.sync", "layer.row")
_NEW_IMAGE = ("image.config", "blob.sync", "image.row")
_UNPACKED = ("blob.write", "blob.rename", "layer.extract", *_NEW_LAYER, *_NEW_IMAGE, "tag.row")
_UP = ("overlay.mount", "conmon.spawn", "network.connect", "runtime.start")


@dataclass
class World:
    """``engine`` has ``BASE``; ``archive`` and the registry's image hold another one, ``MADE``."""

    engine: RunningEngine
    registry: Server
    archive: Path

    @property
    def remote(self) -> str:
        return f"{self.registry.address}/made:1"


@dataclass(frozen=True)
class Operation:
    """``points`` are on its way, in order; ``deaths`` those of them at which an engine dies in every run."""

    name: str
    points: tuple[str, ...]
    deaths: tuple[str, ...]
    run: Callable[[World], "subprocess.CompletedProcess[bytes]"]
    prepare: Callable[[World], object] = lambda world: None


def _load(world: World) -> "subprocess.CompletedProcess[bytes]":
    return world.engine.docker("load", "--input", str(world.archive), check=False)


def _pull(world: World) -> "subprocess.CompletedProcess[bytes]":
    return world.engine.docker("pull", "--quiet", world.remote, check=False)


def _build(world: World) -> "subprocess.CompletedProcess[bytes]":
    dockerfile = f'FROM {BASE}\nRUN ["/bin/busybox", "touch", "/made"]\nLABEL is=made\n'.encode()
    return world.engine.docker("build", "--no-cache", "--tag", MADE, "-", input=dockerfile, check=False)


def _commit(world: World) -> "subprocess.CompletedProcess[bytes]":
    return world.engine.docker("commit", "made", MADE, check=False)


def _create(world: World) -> "subprocess.CompletedProcess[bytes]":
    return world.engine.docker("create", "--name", "made", BASE, "/bin/busybox", "true", check=False)


def _written(world: World) -> None:
    world.engine.docker("run", "--name", "made", "--network", "none", BASE, "/bin/busybox", "touch", "/committed")


def _start(world: World) -> "subprocess.CompletedProcess[bytes]":
    return world.engine.docker("start", "made", check=False)


def _remove(world: World) -> "subprocess.CompletedProcess[bytes]":
    return world.engine.docker("rm", "made", check=False)


OPERATIONS = (
    Operation("load", _UNPACKED, ("blob.write", "blob.rename", "layer.row", "image.row", "tag.row"), _load),
    Operation("pull", _UNPACKED, ("blob.rename", "layer.extract", "layer.rename", "blob.sync"), _pull),
    Operation(
        "build",
        ("build.step", *_UP[:2], "runtime.start", "commit.pack", "blob.write", *_NEW_LAYER, *_NEW_IMAGE, "tag.row"),
        ("build.step", "runtime.start", "commit.pack", "image.config"),
        _build,
    ),
    Operation(
        "commit",
        ("commit.pack", "blob.write", "blob.rename", *_NEW_LAYER, *_NEW_IMAGE, "tag.row"),
        ("blob.write", "layer.sync", "layer.row"),
        _commit,
        prepare=_written,
    ),
    Operation("create", ("container.directories", "container.row"), ("container.row",), _create),
    Operation(
        "start", (*_UP, "started.row"), ("overlay.mount", "runtime.start", "started.row"), _start, prepare=_create
    ),
    Operation(
        "rm",
        ("container.removing", "container.erase", "container.unrow"),
        ("container.erase", "container.unrow"),
        _remove,
        prepare=_create,
    ),
)
DEATHS = [(operation, point) for operation in OPERATIONS for point in (operation.points if _FULL else operation.deaths)]


@pytest.fixture
def world(prepared: World) -> Iterator[World]:
    yield prepared
    _clean(prepared)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("world")
    archive = root / "made.tar"
    archive.write_bytes(checked_archive(tag=MADE))
    with docker_registry(root / "registry") as registry, running_engine() as engine:
        world = World(engine, registry, archive)
        engine.docker("load", input=checked_archive(tag=BASE, seed=1))
        engine.docker("load", "--input", str(archive))
        engine.docker("tag", MADE, world.remote)
        engine.docker("push", world.remote)
        _clean(world)
        yield world
        engine.variables.clear()


@contextmanager
def armed(engine: RunningEngine, failpoints: str) -> Iterator[None]:
    """A fresh engine on the same tree with these; one without them afterwards."""
    engine.stop()
    engine.variables[VARIABLE] = failpoints
    engine.start()
    try:
        yield
    finally:
        del engine.variables[VARIABLE]
        with suppress(AssertionError):  # it died, as it was to
            engine.stop()
        engine.start()


def _clean(world: World) -> None:
    """Take away all but the base."""
    for container in world.engine.out("ps", "--all", "--quiet").split():
        world.engine.docker("rm", "--force", container)
    (base,) = world.engine.out("images", "--quiet", "--no-trunc", BASE).split()
    for image in images(world.engine):
        if image != base:
            world.engine.docker("rmi", "--force", image, check=False)  # one may have gone with another
    assert images(world.engine) == [base]
    wait_until(lambda: not world.engine.leftovers(), what="nothing is left of a container")


def _check_made(engine: RunningEngine) -> None:
    """Whatever is listed besides the base is whole."""
    base = engine.out("images", "--quiet", "--no-trunc", BASE)
    for image in set(images(engine)) - {base}:
        assert_whole(engine, image)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_step_that_fails_is_taken_back_and_the_request_then_succeeds(world: World, operation: Operation) -> None:
    clean = stored(world.engine)
    operation.prepare(world)
    before = stored(world.engine)
    left = list(operation.points)
    with armed(world.engine, ";".join(f"{point}=1*error(told {point})" for point in operation.points)):
        while (done := operation.run(world)).returncode:
            said = (done.stderr + done.stdout).decode()
            (failed,) = [point for point in left if f"told {point}" in said] or [said]
            left.remove(failed)
            _check_made(world.engine)
            if operation.name not in ("build", "rm", "start") and failed != "tag.row":  # these leave what is whole
                assert_stored(world.engine, before)
        assert left == []
        _check_made(world.engine)
    _clean(world)
    assert_stored(world.engine, clean)


@pytest.mark.parametrize(("operation", "point"), DEATHS, ids=lambda value: getattr(value, "name", value))
def test_an_engine_that_dies_leaves_nothing_half_made(world: World, operation: Operation, point: str) -> None:
    clean = stored(world.engine)
    operation.prepare(world)
    with armed(world.engine, f"{point}=1*exit"):
        assert operation.run(world).returncode != 0
        assert world.engine.process is not None
        assert world.engine.process.wait(10) == KILLED
    _check_made(world.engine)
    if operation.name != "rm":
        done = operation.run(world)
        assert done.returncode == 0, done.stderr.decode()
    _check_made(world.engine)
    _clean(world)
    assert_stored(world.engine, clean)


def test_an_end_that_cannot_be_recorded_is_told_all_the_same(world: World) -> None:
    with armed(world.engine, "exit.record=1*error(ENOSPC)"):
        done = world.engine.docker("run", "--name", "made", BASE, "/bin/busybox", "sh", "-c", "exit 7", check=False)
        assert done.returncode == 7
        assert world.engine.out("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "made") == "exited 7"
    assert world.engine.out("inspect", "--format", "{{.State.Status}}", "made") == "exited"
    _clean(world)


def test_an_engine_that_dies_before_an_end_is_on_record_tells_the_code_later(world: World) -> None:
    with armed(world.engine, "exit.record=1*exit"):
        world.engine.docker("run", "--name", "made", BASE, "/bin/busybox", "sh", "-c", "exit 7", check=False)
        assert world.engine.process is not None
        assert world.engine.process.wait(10) == KILLED
    (told,) = json.loads(world.engine.out("inspect", "made"))
    assert told["State"]["ExitCode"] == 7
    _clean(world)


def test_an_engine_that_dies_while_it_removes_an_image_finishes_or_keeps_it_whole(world: World) -> None:
    clean = stored(world.engine)
    assert _load(world).returncode == 0
    with armed(world.engine, "image.unrow=1*exit"):
        world.engine.docker("rmi", MADE, check=False)
    _check_made(world.engine)
    _clean(world)
    assert_stored(world.engine, clean)


def test_a_sweep_that_is_cut_short_is_finished_by_the_next(world: World) -> None:
    engine = world.engine
    clean = stored(engine)
    engine.stop()
    (engine.data_root / "layers" / ("a" * 64) / "diff").mkdir(parents=True)
    (engine.data_root / "tmp" / "blob-half").write_bytes(b"x")
    engine.variables[VARIABLE] = "sweep=1*exit"
    with pytest.raises(AssertionError, match="the engine ended"):
        engine.start()
    del engine.variables[VARIABLE]
    engine.start()
    assert_stored(engine, clean)
