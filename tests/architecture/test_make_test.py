"""``make test``: what failed beside others runs once more, alone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

FAILS = "def test_it():\n    assert False\n"
PASSES = "def test_it():\n    pass\n"
FAILS_ONCE = """
import pathlib
def test_it():
    been = pathlib.Path(__file__ + ".been")
    was = been.exists()
    been.touch()
    assert was
"""


@pytest.mark.parametrize(
    ("files", "code", "runs", "says"),
    [
        ({"a": PASSES, "b": FAILS_ONCE}, 0, 2, "test_b.py::test_it"),
        ({"a": FAILS_ONCE, "b": FAILS}, 1, 3, ""),
        (dict.fromkeys("abcd", FAILS_ONCE), 1, 1, ""),
        ({"a": "import nothing_of_this_name\n"}, 2, 1, ""),
    ],
    ids=["passes alone", "one fails", "too many", "not collected"],
)
def test_a_few_that_failed_run_again(tmp_path: Path, files: dict[str, str], code: int, runs: int, says: str) -> None:
    for name, text in files.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    argv = [sys.executable, str(ROOT / "scripts/test.py"), "-n", "0", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=100)
    assert done.returncode == code, done.stdout + done.stderr
    assert len(re.findall(r" in [\d.]+s =", done.stdout)) == runs
    assert ("passed alone" in done.stdout) == bool(says)
    assert says in done.stdout.rpartition("passed alone")[2]
