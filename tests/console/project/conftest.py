"""A whole instance's settings in processes of their own: a data folder, a key and a database, and no Redis."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.project.keys import ensure_secret_key
from tests.database import give_copy

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 180


@dataclass(frozen=True)
class Instance:
    folder: Path
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def environ(self) -> dict[str, str]:
        """Nothing of the tests' own environment but what programs need to be found."""
        places = {"NARU_DATA": str(self.data), "NARU_RUN": str(self.folder / "run")}
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **places, **self.facts}

    def run(self, *argv: str, **facts: str) -> "subprocess.CompletedProcess[str]":
        command = (sys.executable, *argv)
        environ = {**self.environ, **facts}
        return subprocess.run(
            command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )

    def manage(self, *argv: str, **facts: str) -> "subprocess.CompletedProcess[str]":
        return self.run("manage.py", *argv, **facts)

    def python(self, program: str, **facts: str) -> str:
        """What ``program`` prints."""
        done = self.run("-c", program, **facts)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def bare(tmp_path: Path) -> Instance:
    """Before its first start: no key, no database."""
    return Instance(tmp_path)


@pytest.fixture
def instance(bare: Instance) -> Instance:
    ensure_secret_key(bare.data / "secret.key")
    return bare


@pytest.fixture
def migrated(instance: Instance) -> Instance:
    give_copy(instance.data / "console.sqlite3")
    return instance
