"""The tables of state.db, and how an older file becomes a current one.

The file's version is SQLite's ``user_version``. ``MIGRATIONS[n]`` leads from version n to n + 1; append, never edit.
"""

import sqlite3
from pathlib import Path

from engine.model.errors import Unavailable

MIGRATIONS = (
    """
    CREATE TABLE container (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE image (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE layer (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE tag (
        reference TEXT PRIMARY KEY, image_id TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE
    ) WITHOUT ROWID;
    CREATE INDEX tag_image ON tag (image_id);
    CREATE TABLE cache (
        id TEXT PRIMARY KEY, image_id TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE, record TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX cache_image ON cache (image_id);
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE quarantine (origin TEXT NOT NULL, id TEXT NOT NULL, record TEXT NOT NULL, reason TEXT NOT NULL);
    """,
    """
    CREATE TABLE network (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    """,
    "CREATE TABLE volume (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;",
)


def open_database(path: Path) -> sqlite3.Connection:
    """A connection to a file that is whole and current. Raises Unavailable, saying what to do about the file.

    Nobody but root may read a new one: it has the containers' environments, and with those passwords. SQLite's files
    beside it follow it.
    """
    try:
        if path.is_symlink():
            raise Unavailable(f"{path} is a symbolic link: put the file itself there")
        _refuse_lost(path)
        path.touch(mode=0o600)
    except OSError as error:
        raise Unavailable(f"cannot open {path}: {error.strerror}") from error
    try:
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    except sqlite3.Error as error:
        raise Unavailable(f"cannot open {path}: {error}") from error
    try:
        _prepare(database, path)
    except BaseException:
        database.close()
        raise
    return database


def _refuse_lost(path: Path) -> None:
    """Without its records all images would look like leftovers, and be removed."""
    if not path.exists() and _has_objects(path.parent):
        raise _lost(path, "is not there")


def _has_objects(root: Path) -> bool:
    return any(any(root.glob(pattern)) for pattern in ("blobs/sha256/*", "layers/*", "containers/*", "volumes/*"))


def _lost(path: Path, how: str) -> Unavailable:
    return Unavailable(
        f"{path} {how}, and images or containers are: put back a copy of it, or move {path.parent} away to start afresh"
    )


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA foreign_keys = ON")
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        _migrate(database, path)
    except sqlite3.Error as error:
        raise Unavailable(
            f"{path} is damaged ({error}): put back a copy of it, or move {path.parent} away to start afresh"
        ) from error


def _migrate(database: sqlite3.Connection, path: Path) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise Unavailable(
            f"{path} has version {version} and this engine knows versions up to {len(MIGRATIONS)}: use a newer engine"
        )
    if version == 0 and _has_objects(path.parent):  # cut short, or without the log that had all of it
        raise _lost(path, "holds no records")
    for step in range(version, len(MIGRATIONS)):
        database.executescript(f"BEGIN; {MIGRATIONS[step]}; PRAGMA user_version = {step + 1}; COMMIT;")
