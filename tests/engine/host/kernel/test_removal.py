"""Removing trees in which others work."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.host.removal import remove_tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for directory in ("a/b/c", "d"):
        (tmp_path / "tree" / directory).mkdir(parents=True)
        (tmp_path / "tree" / directory / "file").touch()
    return tmp_path / "tree"


def with_calls(monkeypatch: pytest.MonkeyPatch, **calls: Callable[..., Any]) -> None:
    """The module under test, and nobody else, makes these calls instead of those of ``os``."""
    monkeypatch.setattr("engine.host.removal.os", SimpleNamespace(**(vars(os) | calls)))


@pytest.mark.parametrize("gone", ["a", "a/b", "a/b/c", "d", ""])
def test_what_another_removes_meanwhile_is_no_failure(root: Path, monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    def scandir(directory: int) -> Any:
        with os.scandir(directory) as scan:
            entries = list(scan)
        shutil.rmtree(root / gone, ignore_errors=True)
        return contextlib.nullcontext(entries)

    with_calls(monkeypatch, scandir=scandir)
    remove_tree(root)
    assert not root.exists()


def test_what_another_adds_meanwhile_is_removed_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = iter(["late", "later"])

    def rmdir(path: Any, *, dir_fd: int | None = None) -> None:
        if dir_fd is None and (name := next(late, "")):
            (root / name).mkdir()
        os.rmdir(path, dir_fd=dir_fd)

    with_calls(monkeypatch, rmdir=rmdir)
    remove_tree(root)
    assert not root.exists()
