"""The engine's memory: one SQLite file with a JSON record per object.

All calls block, are short, and are safe from several threads. Images, tags and volumes are on disk when a call
returns, and what was written before them with them; the rest survives a crash of the engine at once, and a power cut
within SQLite's next checkpoint.
A record that no longer decodes is moved to the table ``quarantine`` and logged, so that it takes nothing else down.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from engine.host.failpoints import reach
from engine.model.container import Container
from engine.model.digest import Digest
from engine.model.errors import Invalid, Unavailable
from engine.model.image import Image
from engine.model.network import Network
from engine.model.reference import Reference
from engine.model.volume import Volume
from engine.store import ballast
from engine.store.records import CacheEntry, Layer
from engine.store.schema import open_database

_log = logging.getLogger(__name__)
_Record = TypeVar("_Record")


class State:
    """Opens or makes the file at ``path``. Raises Unavailable when it is damaged or from a newer engine."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path)
        self._path = path
        self._lock = threading.RLock()
        self._containers = _Table(self, "container", Container)
        self._images = _Table(self, "image", Image)
        self._layers = _Table(self, "layer", Layer)
        self._cache = _Table(self, "cache", CacheEntry)
        self._networks = _Table(self, "network", Network)
        self._volumes = _Table(self, "volume", Volume)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def containers(self) -> list[Container]:
        return self._containers.all()

    def save_container(self, container: Container) -> None:
        self._containers.save(container.id, container)

    def find_container(self, container_id: str) -> Container | None:
        return self._containers.find(container_id)

    def delete_container(self, container_id: str) -> None:
        self._containers.delete(container_id)

    def networks(self) -> list[Network]:
        """Those that clients made."""
        return self._networks.all()

    def save_network(self, network: Network) -> None:
        self._networks.save(network.id, network)

    def delete_network(self, network_id: str) -> None:
        self._networks.delete(network_id)

    def images(self) -> list[Image]:
        return self._images.all()

    def save_image(self, image: Image) -> None:
        reach("image.row")
        with self.durably():
            self._images.save(image.id.hex, image)

    def find_image(self, image_id: Digest) -> Image | None:
        return self._images.find(image_id.hex)

    def delete_image(self, image_id: Digest) -> None:
        """Its tags and cache entries go with it."""
        reach("image.unrow")
        with self.durably():
            self._images.delete(image_id.hex)

    def layers(self) -> list[Layer]:
        return self._layers.all()

    def save_layer(self, layer: Layer) -> None:
        """On disk with whatever is saved durably next: the journal of the database is written in order."""
        self._layers.save(layer.chain.hex, layer)

    def find_layer(self, chain: Digest) -> Layer | None:
        return self._layers.find(chain.hex)

    def delete_layer(self, chain: Digest) -> None:
        with self.durably():
            self._layers.delete(chain.hex)

    def tags(self) -> dict[Reference, Digest]:
        rows = self.query("SELECT reference, image_id FROM tag ORDER BY reference")
        return {Reference.parse(reference): Digest(image_id) for reference, image_id in rows}

    def set_tag(self, reference: Reference, image_id: Digest) -> None:
        """Point a tag, or a name@digest, at an image, away from any other. The image must be saved already."""
        reach("tag.row")
        with self.durably():
            self.query("INSERT OR REPLACE INTO tag VALUES (?, ?)", str(reference), image_id.hex)

    def delete_tag(self, reference: Reference) -> None:
        with self.durably():
            self.query("DELETE FROM tag WHERE reference = ?", str(reference))

    def find_cached(self, key: str) -> CacheEntry | None:
        return self._cache.find(key)

    def save_cached(self, entry: CacheEntry) -> None:
        record = msgspec.json.encode(entry).decode()
        self.query("INSERT OR REPLACE INTO cache VALUES (?, ?, ?)", entry.key, entry.image_id.hex, record)

    def volumes(self) -> list[Volume]:
        return self._volumes.all()

    def save_volume(self, volume: Volume) -> None:
        """On disk at once, unless it goes with a container."""
        with contextlib.nullcontext() if volume.made_for else self.durably():
            self._volumes.save(volume.name, volume)

    def delete_volume(self, name: str) -> None:
        self._volumes.delete(name)

    def find_setting(self, name: str) -> str | None:
        rows = self.query("SELECT value FROM setting WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def get_setting(self, name: str, default: str = "") -> str:
        value = self.find_setting(name)
        return default if value is None else value

    def set_setting(self, name: str, value: str) -> None:
        self.query("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, value)

    def quarantined(self, origin: str) -> set[str]:
        """Ids of records of the table ``origin`` that could not be read."""
        return {key for (key,) in self.query("SELECT id FROM quarantine WHERE origin = ?", origin)}

    def query(self, sql: str, *values: str) -> list[tuple[str, ...]]:
        """One statement, one transaction. Raises Unavailable when the file or the disk fails it."""
        with self._lock:
            try:
                return self._execute(sql, values)
            except sqlite3.IntegrityError as error:
                raise Invalid(f"{self._path}: {error}") from error
            except sqlite3.Error as error:
                raise Unavailable(f"{self._path}: {'no space left on device' if _is_full(error) else error}") from error

    def _execute(self, sql: str, values: tuple[str, ...]) -> list[tuple[str, ...]]:
        try:
            return self._database.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if not _is_full(error) or not ballast.release(self._path.parent):
                raise
            _log.warning("%s is full: what was kept free for that is used now", self._path.parent)
            return self._database.execute(sql, values).fetchall()

    @contextmanager
    def durably(self) -> Iterator[None]:
        """What is written inside is on disk afterwards, not only in the kernel's hands."""
        with self._lock:
            self._database.execute("PRAGMA synchronous = FULL")
            try:
                yield
            finally:
                self._database.execute("PRAGMA synchronous = NORMAL")


def _is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


class _Table(Generic[_Record]):
    """Records of one type, by id. ``name`` is one of the schema's tables, never anything a client said."""

    def __init__(self, state: State, name: str, kind: type[_Record]) -> None:
        self._state = state
        self._name = name
        # addresses are texts in the file; a wrong one raises ValueError, which is how a damaged record shows
        self._decoder = msgspec.json.Decoder(kind, dec_hook=lambda of_type, value: of_type(value))

    def all(self) -> list[_Record]:
        rows = self._state.query(f"SELECT id, record FROM {self._name} ORDER BY id")  # noqa: S608 - see above
        return [record for row in rows if (record := self._decoded(*row)) is not None]

    def find(self, key: str) -> _Record | None:
        rows = self._state.query(f"SELECT id, record FROM {self._name} WHERE id = ?", key)  # noqa: S608 - see above
        return self._decoded(*rows[0]) if rows else None

    def save(self, key: str, record: _Record) -> None:
        # not INSERT OR REPLACE: replacing an image's row would delete its tags
        self._state.query(
            f"INSERT INTO {self._name} (id, record) VALUES (?, ?) "  # noqa: S608 - see above
            "ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            key,
            msgspec.json.encode(record, enc_hook=str).decode(),
        )

    def delete(self, key: str) -> None:
        self._state.query(f"DELETE FROM {self._name} WHERE id = ?", key)  # noqa: S608 - see above

    def _decoded(self, key: str, record: str) -> _Record | None:
        try:
            return self._decoder.decode(record)
        except (msgspec.DecodeError, ValueError) as error:
            _log.error("state: %s %s is damaged and was put into quarantine: %s", self._name, key, error)
            self._state.query("INSERT INTO quarantine VALUES (?, ?, ?, ?)", self._name, key, record, str(error))
            self.delete(key)
            return None
