"""Overlays, binds and idmapped storage, in a mount namespace that ends with the test's child process."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.host import libc, mount_namespace, mounts
from engine.host.userns import ROOT_ON_DISK, UserNamespaces
from engine.model.errors import Unavailable

pytestmark = pytest.mark.host


def in_child(body: Callable[[], None]) -> None:
    """Run ``body`` in a forked child; fail with what it raised."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            body()
        except BaseException:  # noqa: BLE001 (a forked child: pytest must not see it)
            os.write(write_end, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    assert not said, said


def in_own_namespace(body: Callable[[], None]) -> None:
    """As ``in_child``, in a private mount namespace that ends with it."""

    def private() -> None:
        libc.unshare(libc.CLONE_NEWNS)
        libc.mount(None, "/", flags=libc.MS_PRIVATE | libc.MS_REC)
        body()

    in_child(private)


def make(root: Path, *names: str) -> list[Path]:
    paths = [root / name for name in names]
    for path in paths:
        path.mkdir(parents=True)
    return paths


def test_a_hundred_layers_stack_highest_first(tmp_path: Path) -> None:
    layers = make(tmp_path, *(f"layers/{number:064d}/diff" for number in range(100)))
    upper, work, target = make(tmp_path, "upper", "work", "target")
    for number, layer in enumerate(layers):
        (layer / "top").write_text(str(number))

    def body() -> None:
        mounts.mount_overlay(target, storage_root=tmp_path, lowers=layers, upper=upper, work=work)
        assert (target / "top").read_text() == "0"
        (target / "new").write_text("made")
        assert (upper / "new").exists()
        assert mounts.mounts_below(tmp_path) == [target]
        mounts.unmount(target)
        assert not mounts.is_mount_point(target)

    in_own_namespace(body)


def test_owners_are_mapped_above_and_unshifted_on_disk(tmp_path: Path) -> None:
    lower, upper, work, target = make(tmp_path, "lower", "upper", "work", "target")
    (lower / "file").write_text("below")
    os.chown(lower / "file", 5, 6)

    def body() -> None:
        spaces = UserNamespaces()
        for base in (700000, 900000):
            mounts.mount_overlay(
                target,
                storage_root=tmp_path,
                lowers=[lower],
                upper=upper,
                work=work,
                userns_fd=spaces.mount_fd(base),
            )
            assert (target / "file").stat().st_uid == base + 5
            (target / f"made{base}").touch()
            os.chown(target / f"made{base}", base + 7, base + 8)
            mounts.unmount(target)
            made = (upper / f"made{base}").stat()
            assert (made.st_uid, made.st_gid) == (7, 8)
        spaces.close()

    in_own_namespace(body)


def test_a_deleted_file_is_marked_by_the_host_not_by_the_container(tmp_path: Path) -> None:
    lower, upper, work, target = make(tmp_path, "lower", "upper", "work", "target")
    (lower / "file").touch()

    def body() -> None:
        spaces = UserNamespaces()
        fd = spaces.mount_fd(700000)
        mounts.mount_overlay(target, storage_root=tmp_path, lowers=[lower], upper=upper, work=work, userns_fd=fd)
        (target / "file").unlink()
        assert (upper / "file").lstat().st_uid == ROOT_ON_DISK

    in_own_namespace(body)


def test_a_volatile_upper_can_be_mounted_again(tmp_path: Path) -> None:
    lower, upper, work, target = make(tmp_path, "lower", "upper", "work", "target")

    def body() -> None:
        for _ in range(2):
            mounts.mount_overlay(target, storage_root=tmp_path, lowers=[lower], upper=upper, work=work, volatile=True)
            mounts.unmount(target)

    in_own_namespace(body)


@pytest.mark.parametrize("with_upper", [True, False])
def test_an_image_without_layers_is_an_empty_root(tmp_path: Path, with_upper: bool) -> None:
    upper, work, target = make(tmp_path, "upper", "work", "target")

    def body() -> None:
        mounts.mount_overlay(
            target,
            storage_root=tmp_path,
            lowers=[],
            upper=upper if with_upper else None,
            work=work if with_upper else None,
        )
        assert list(target.iterdir()) == []

    in_own_namespace(body)
    assert not list(tmp_path.glob(".empty-*"))


def test_one_layer_can_be_looked_at_alone(tmp_path: Path) -> None:
    lower, target = make(tmp_path, "lower", "target")
    (lower / "file").touch()

    def body() -> None:
        mounts.mount_overlay(target, storage_root=tmp_path, lowers=[lower], upper=None, work=None)
        assert (target / "file").exists()
        with pytest.raises(OSError, match="Read-only"):
            (target / "new").touch()

    in_own_namespace(body)


def test_the_kernels_reason_is_told(tmp_path: Path) -> None:
    (target,) = make(tmp_path, "target")

    def body() -> None:
        missing = tmp_path / "missing"
        with pytest.raises(Unavailable, match="cannot mount an overlay"):
            mounts.mount_overlay(target, storage_root=tmp_path, lowers=[missing], upper=None, work=None)

    in_own_namespace(body)


def test_unmounting_twice_is_fine(tmp_path: Path) -> None:
    in_own_namespace(lambda: mounts.unmount(tmp_path))


def test_a_second_engine_process_joins_the_pinned_namespace(tmp_path: Path) -> None:
    pin, storage = tmp_path / "mnt" / "ns", tmp_path / "data"

    def body() -> None:
        assert mount_namespace.enter(pin, storage_root=storage) is False
        (storage / "here").mkdir()
        mounts.mount_tmpfs(storage / "here", size_bytes=4096)

    def again() -> None:
        assert mount_namespace.enter(pin, storage_root=storage) is True
        assert mounts.is_mount_point(storage / "here")
        mounts.unmount(storage / "here")

    try:
        for step in (body, again):
            in_child(step)
        assert not (storage / "here").is_mount()
    finally:
        mount_namespace.forget(pin)
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
