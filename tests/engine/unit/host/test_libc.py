"""System calls that are asked again."""

import ctypes
import errno
import os
from pathlib import Path

import pytest

from engine.host import libc

IN_ROOT = 0x10


def refuse(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """The kernel answers EAGAIN so often, as it does while something is renamed; returns what was asked."""
    asked: list[int] = []
    real = libc._libc.syscall

    def syscall(number: int, *arguments: object) -> int:
        asked.append(number)
        if len(asked) > times:
            return int(real(number, *arguments))
        ctypes.set_errno(errno.EAGAIN)
        return -1

    monkeypatch.setattr(libc._libc, "syscall", syscall)
    return asked


def opened(root: Path) -> int:
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        return libc.openat2(directory, "a/../a/..", flags=os.O_PATH | os.O_CLOEXEC, mode=0, resolve=IN_ROOT)
    finally:
        os.close(directory)


def test_a_path_is_asked_for_again_when_something_is_renamed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    asked = refuse(monkeypatch, 20)
    found = opened(tmp_path)
    try:
        assert os.path.samestat(os.fstat(found), tmp_path.stat())
    finally:
        os.close(found)
    assert len(asked) == 21


def test_a_path_that_never_holds_still_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, 100_000)
    with pytest.raises(BlockingIOError):
        opened(tmp_path)
