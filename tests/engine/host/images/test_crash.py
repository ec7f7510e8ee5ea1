"""What a crash leaves, and what the sweep at start makes of it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.host import confined
from engine.model.errors import Unavailable
from engine.model.reference import Reference
from tests.engine.host.images.archives import DockerArchive, busybox_layer, chunked, collected, member, tar_of
from tests.engine.host.images.conftest import Engine
from tests.engine.unpacking import workers_of

pytestmark = pytest.mark.host


async def until(condition, *, timeout_s=10):
    async with asyncio.timeout(timeout_s):
        while not (found := condition()):
            await asyncio.sleep(0.005)
    return found


def slow_layer(gate: asyncio.Event, loop):
    """A tar that stops half-way until ``gate`` opens, for ``unpack_layer`` to read from a pipe."""
    data = tar_of(member("a", b"1" * 1000), member("b", b"2" * 100_000))
    yield data[:4096]
    asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
    yield data[4096:]


async def test_a_worker_killed_in_mid_layer_is_reported(tmp_path):
    gate = asyncio.Event()
    source = slow_layer(gate, asyncio.get_running_loop())
    unpacking = asyncio.create_task(confined.unpack_layer(source, into=tmp_path))
    await until(lambda: (tmp_path / "a").exists())
    (worker,) = workers_of(os.getpid())
    os.kill(worker, signal.SIGKILL)
    gate.set()
    with pytest.raises(Unavailable, match="unpacking process died"):
        await unpacking


async def test_a_cancelled_unpack_leaves_no_worker(tmp_path):
    gate = asyncio.Event()
    source = slow_layer(gate, asyncio.get_running_loop())
    unpacking = asyncio.create_task(confined.unpack_layer(source, into=tmp_path))
    await until(lambda: (tmp_path / "a").exists())
    unpacking.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await unpacking
    # it has ended; the spawner has yet to take notice
    await until(lambda: workers_of(os.getpid()) == [])


async def test_a_layer_whose_worker_dies_leaves_nothing(engine, monkeypatch):
    async def killed(*args, **kwargs):
        Path(kwargs["into"], "half").write_text("x")
        raise Unavailable("the unpacking process died: it was killed")

    monkeypatch.setattr("engine.store.drafts.unpack_layer", killed)
    with pytest.raises(Unavailable):
        await engine.archives.load(chunked(DockerArchive([busybox_layer()]).tar()))
    assert engine.files() == []


async def test_the_sweep_drops_what_no_row_names(engine):
    await engine.archives.load(chunked(DockerArchive([busybox_layer()]).tar()))
    before = engine.files()
    (engine.root / "layers" / ("a" * 64) / "diff/deep").mkdir(parents=True)
    (engine.root / "tmp/layer-x/diff").mkdir(parents=True)
    (engine.root / "tmp/blob-y").write_text("half")
    engine.content.add(b"nobody's")
    again = engine.restart()
    await again.images.sweep()
    assert again.files() == before
    assert again.images.get("test/busybox:1")
    again.state.close()


async def test_a_layer_renamed_but_not_recorded_is_unpacked_again(engine):
    archive = DockerArchive([busybox_layer()])
    await engine.archives.load(chunked(archive.tar()))
    image = engine.images.get("test/busybox:1")
    (diff,) = engine.layers.lowers(image.diff_ids)
    engine.state.delete_layer(image.chain)
    (diff / "half").write_text("x")
    again = engine.restart()
    blob = [path for path in again.content.digests() if path != image.id]
    layer = await again.layers.unpack(
        blob[0], "application/vnd.oci.image.layer.v1.tar+gzip", parent=None, expected_diff_id=image.diff_ids[0]
    )
    assert layer.chain == image.chain
    assert not (diff / "half").exists()
    again.state.close()


async def test_a_layer_that_only_a_container_needs_survives_the_sweep(engine):
    from datetime import UTC, datetime

    from engine.model.container import Container, ContainerSpec

    await engine.archives.load(chunked(DockerArchive([busybox_layer()]).tar()))
    image = engine.images.get("test/busybox:1")
    spec = ContainerSpec(image_id=image.id, image_name="x")
    container = Container("c" * 64, "x", spec, datetime.now(UTC), layers=image.diff_ids)
    engine.state.save_container(container)
    await engine.images.remove("test/busybox:1", force=True, in_use=lambda _: [container.id])
    again = engine.restart()
    await again.images.sweep()
    assert again.layers.lowers(image.diff_ids)[0].is_dir()
    with pytest.raises(Exception, match="No such image"):
        again.images.get(str(Reference.parse("test/busybox:1")))
    again.state.close()


@pytest.mark.parametrize("after_s", [0.01, 0.05, 0.09, 0.13, 0.17, 0.21])
async def test_an_engine_killed_while_it_loads_lists_whole_images_and_leaks_nothing(tmp_path, after_s):
    data = DockerArchive([busybox_layer(), tar_of(member("x", b"1"))]).tar()
    (tmp_path / "archive.tar").write_bytes(data)
    root = tmp_path / "data"
    root.mkdir()
    kill_while_loading(root, tmp_path / "archive.tar", after_s=after_s)
    engine = Engine(root)
    await until(lambda: not still_unpacking(root))
    await engine.images.sweep()
    for image in engine.images.list():
        assert [path.is_dir() for path in engine.layers.lowers(image.diff_ids)] == [True, True]
        assert await collected(engine.archives.save([str(image.id)]))
    if not engine.images.list():
        assert engine.files() == []
        assert engine.state.layers() == []
    await engine.archives.load(chunked(data))
    assert len(engine.files()) == 5  # two layers, their blobs, the configuration
    engine.state.close()


def kill_while_loading(root: Path, archive: Path, *, after_s: float) -> None:
    program = [sys.executable, "-m", "tests.engine.host.images.loading", str(root), str(archive)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, cwd=Path(__file__).parents[4]) as loading:
        assert loading.stdout and loading.stdout.readline() == b"ready\n"
        time.sleep(after_s)  # the point where it is killed; any will do
        loading.kill()


def still_unpacking(root: Path) -> bool:
    """Whether some process is chrooted below ``root``: the kernel kills a dead engine's worker, but not at once."""
    return any(str(root) in os.path.realpath(link) for link in Path("/proc").glob("[0-9]*/root"))


async def test_two_loads_of_one_archive_at_once_agree(engine):
    data = DockerArchive([busybox_layer(), tar_of(member("x", b"1"))]).tar()
    await asyncio.gather(*[engine.archives.load(chunked(data)) for _ in range(3)])
    assert len(engine.images.list()) == 1
    assert len([name for name in engine.files() if name.startswith("layers/")]) == 2
