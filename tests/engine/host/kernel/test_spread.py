"""Directories of new layers begin in parts of the disk with room."""

import subprocess
from pathlib import Path

import pytest

from engine.host.spread import spread_directories

pytestmark = pytest.mark.host


def test_a_directory_is_marked_as_the_top_of_its_trees(tmp_path: Path) -> None:
    listed = subprocess.run(["lsattr", "-d", tmp_path], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this file system has no such attributes")
    for _ in range(2):
        spread_directories(tmp_path)
        attributes = subprocess.run(["lsattr", "-d", tmp_path], capture_output=True, text=True, check=True).stdout
        assert "T" in attributes.split()[0]


def test_a_file_system_that_knows_no_such_mark_is_left_as_it_is() -> None:
    spread_directories(Path("/proc/self"))
