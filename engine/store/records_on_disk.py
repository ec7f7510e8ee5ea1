"""The records of state.db read without changing the file: for whoever checks a tree that may be damaged."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from engine.model.container import Container
from engine.model.digest import Digest
from engine.model.errors import Invalid
from engine.model.image import Image
from engine.model.network import Network
from engine.model.volume import Volume
from engine.store.records import CacheEntry, Layer
from engine.store.schema import MIGRATIONS


class DatabaseDamaged(Exception):
    """The file cannot be read as what it should be; the text says why."""


@dataclass
class RecordsOnDisk:
    """``damaged`` and ``put_aside`` are (table, id, why). ``tags`` may name images that are not there."""

    images: dict[Digest, Image] = field(default_factory=dict)
    layers: dict[Digest, Layer] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    damaged: list[tuple[str, str, str]] = field(default_factory=list)
    put_aside: list[tuple[str, str, str]] = field(default_factory=list)

    def names(self, image_id: Digest) -> str:
        """What people call the image: its tags, else its id."""
        tags = sorted(tag for tag, image in self.tags.items() if image == image_id.hex)
        return ", ".join(tags) or f"image {image_id.short}"


def read_records(path: Path) -> RecordsOnDisk:
    """Raises DatabaseDamaged."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            _check(database)
            return _records(database)
    except sqlite3.Error as error:
        raise DatabaseDamaged(str(error)) from error


def _check(database: sqlite3.Connection) -> None:
    verdicts = [str(row[0]) for row in database.execute("PRAGMA integrity_check(3)")]
    if verdicts != ["ok"]:
        raise DatabaseDamaged("; ".join(verdicts))
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != len(MIGRATIONS):
        raise DatabaseDamaged(
            f"it has version {version} and this engine writes {len(MIGRATIONS)}: let the engine that wrote it check "
            "it, or start this one once"
        )


def _records(database: sqlite3.Connection) -> RecordsOnDisk:
    found = RecordsOnDisk()
    for _, image in _decoded(database, "image", Image, found):
        found.images[image.id] = image
    for _, layer in _decoded(database, "layer", Layer, found):
        found.layers[layer.chain] = layer
    for container_id, container in _decoded(database, "container", Container, found):
        found.containers[container_id] = container
    for name, volume in _decoded(database, "volume", Volume, found):
        found.volumes[name] = volume
    for table, kind in (("cache", CacheEntry), ("network", Network)):
        for _ in _decoded(database, table, kind, found):
            pass  # only whether they can be read
    found.tags = dict(database.execute("SELECT reference, image_id FROM tag"))
    found.put_aside = list(database.execute("SELECT origin, id, reason FROM quarantine"))
    return found


def _decoded(
    database: sqlite3.Connection, table: str, kind: type[Any], found: RecordsOnDisk
) -> Iterator[tuple[str, Any]]:
    """``table`` is one of the schema's, never anything a client said."""
    decoder = msgspec.json.Decoder(kind)
    for key, record in database.execute(f"SELECT id, record FROM {table} ORDER BY id"):  # noqa: S608 - see above
        try:
            yield key, decoder.decode(record)
        except (msgspec.DecodeError, ValueError, TypeError, Invalid) as error:
            found.damaged.append((table, str(key), str(error)))
