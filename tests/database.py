"""A SQLite database with every migration applied, made once and copied from then on.

To migrate takes ten seconds, each time and in each worker; to copy what came of it takes a hundredth of one. A file
serves for as long as the migrations and what they stand on are the same.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import IO

import allauth
import django
from django.apps import apps
from django.db import connection

from console.project.keys import ensure_secret_key

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".cache" / "test-database"
# where Django keeps a test's database in memory; it lasts as long as somebody is connected
IN_MEMORY = "file:memorydb_default?mode=memory&cache=shared"


class Template:
    """``copy`` before the database is set up, ``keep`` after. One process migrates, those beside it wait for it."""

    def __init__(self) -> None:
        self._path = FOLDER / f"{_digest()}.sqlite3"
        self._lock: IO[str] | None = None
        self._holder: sqlite3.Connection | None = None

    def copy(self) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            self._lock = (FOLDER / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        if self._path.exists():
            self._holder = sqlite3.connect(IN_MEMORY, uri=True, check_same_thread=False)
            with closing(sqlite3.connect(self._path)) as kept:
                kept.backup(self._holder)
            self._unlock()

    def keep(self) -> None:
        """What was set up without a copy; others go, since what they were made of is no more."""
        if self._lock is not None:
            _remove_others(self._path)
            partial = self._path.with_suffix(f".{os.getpid()}")
            connection.ensure_connection()
            with closing(sqlite3.connect(partial)) as target:
                connection.connection.backup(target)
            partial.rename(self._path)
            self._unlock()

    def close(self) -> None:
        self._unlock()
        if self._holder is not None:
            self._holder.close()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def give_copy(path: Path) -> None:
    """To an instance before its first start. Where none is kept, it is made first, while others wait for it."""
    kept = FOLDER / f"{_digest()}.sqlite3"
    if not kept.exists():
        _make(kept)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(kept, path)


def _make(kept: Path) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock, tempfile.TemporaryDirectory() as data:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.exists():
            return
        ensure_secret_key(Path(data) / "secret.key")
        environ = {**os.environ, "NARU_DATA": data, "NARU_RUN": data}
        environ.pop("DATABASE_URL", None)
        argv = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(argv, cwd=ROOT, env=environ, check=True)
        _remove_others(kept)
        partial = kept.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(Path(data) / "console.sqlite3")) as made,
            closing(sqlite3.connect(partial)) as copy,
        ):
            made.backup(copy)
            # whoever copies it has one file, and in memory there is no other way
            copy.execute("PRAGMA journal_mode=DELETE")
        partial.rename(kept)


def _digest() -> str:
    found = hashlib.sha256(f"{django.__version__} {allauth.__version__}".encode())
    for config in sorted(apps.get_app_configs(), key=lambda one: one.label):
        for path in sorted((Path(config.path) / "migrations").glob("*.py")):
            found.update(f"{config.label}/{path.name}".encode() + path.read_bytes())
        # permissions and content types follow the models
        found.update(" ".join(sorted(model._meta.label for model in config.get_models())).encode())
    return found.hexdigest()[:32]


def _remove_others(path: Path) -> None:
    for other in FOLDER.glob("*.sqlite3"):
        if other != path:
            other.unlink(missing_ok=True)
