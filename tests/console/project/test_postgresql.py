"""A chosen part of the console's tests, once more on PostgreSQL: migrations, operations, queries, locks.

All of tests/console run there with ``NARU_TEST_DATABASE=postgresql``.
"""

import os
import subprocess
import sys

import pytest

from tests import postgresql
from tests.console.project.conftest import ROOT

CHOSEN = (
    "tests/console/operations/test_transactions.py",
    "tests/console/jobs/test_queueing.py",
    "tests/console/jobs/test_retention.py",
    "tests/console/schedules/test_firing.py",
    "tests/console/audit/test_chain.py",
    "tests/console/workspaces/test_operations.py",
)


@pytest.mark.timeout(300)
def test_a_chosen_part_passes_on_postgresql() -> None:
    if postgresql.programs() is None:
        pytest.skip("PostgreSQL is not installed")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    argv = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", *CHOSEN]
    done = subprocess.run(
        argv,
        cwd=ROOT,
        env={**environ, "NARU_TEST_DATABASE": "postgresql"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
