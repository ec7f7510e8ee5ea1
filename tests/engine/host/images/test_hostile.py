"""Layers made to break out, all run in one process whose mount namespace shows the machine read-only."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.host.images.hostile import CASES

pytestmark = pytest.mark.host

# every mount of the machine becomes read-only in here, unless it has gone meanwhile; the arena is the one place that
# is not
ISOLATE = """
set -eu
mount --make-rslave /
awk '{print $5}' /proc/self/mountinfo | while read -r place; do
    mount -o remount,bind,ro "$(printf '%b' "$place")" 2>/dev/null ||
        case "$place" in /proc/*|/sys/*|/dev/*) ;; *) ! mountpoint -q "$(printf '%b' "$place")" || exit 1;; esac
done
mount -t tmpfs -o size=256m tmpfs "$ARENA"
if touch /canary-of-naru 2>/dev/null; then echo "the root is writable" >&2; exit 1; fi
exec "$PYTHON" -m tests.engine.host.images.hostile "$ARENA"
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    arena = tmp_path_factory.mktemp("arena")
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "slave", "/bin/sh", "-c", ISOLATE],
        env={**os.environ, "ARENA": str(arena), "PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", [*CASES, "copy through links"])
def test_a_hostile_layer_changes_nothing_outside(answers, name):
    answer = answers[name]
    assert "crash" not in answer, answer["crash"]
    assert not answer["escaped"]
    assert not answer["left"]
    assert answer["got"] == answer["wanted"], answer


def test_an_archive_cannot_set_what_overlayfs_obeys(answers):
    assert answers["trusted xattr"]["xattrs"] == []
