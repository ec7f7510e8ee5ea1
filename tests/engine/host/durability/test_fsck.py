"""Every kind of damage to an engine's tree is found, named, and mended as far as it can be."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine import warm
from tests.engine.conftest import RunningEngine, running_engine
from tests.engine.host.durability.conftest import LOADED, assert_whole, checked_archive, images

pytestmark = pytest.mark.host
KEPT = "kept:1"
CLEAN, MENDED, DAMAGED, REFUSED = 0, 1, 2, 8


@dataclass
class Tree:
    """The data root of an engine that is down. ``good`` is a copy of it, from before any damage."""

    engine: RunningEngine
    good: Path
    layers: tuple[str, str]
    blobs: tuple[str, str]
    image: str
    container: str

    @property
    def root(self) -> Path:
        return self.engine.data_root

    def put_back(self) -> None:
        shutil.rmtree(self.root)
        subprocess.run(["cp", "-a", str(self.good), str(self.root)], check=True)

    def sql(self, statement: str, *values: str) -> None:
        with closing(sqlite3.connect(self.root / "state.db")) as database:
            database.execute(statement, values)
            database.commit()


def fsck(engine: RunningEngine, *options: str) -> tuple[int, list[str]]:
    """Exit code, and the lines that were told."""
    command = [*warm.PROGRAM, "fsck", *options]
    places = ["--data-root", str(engine.data_root), "--run-root", str(engine.run_root)]
    done = warm.run([*command, *places])
    told = (done.stdout + done.stderr).decode()
    assert "Traceback" not in told, told
    return done.returncode, told.splitlines()


@pytest.fixture(scope="module")
def made() -> Iterator[Tree]:
    """``LOADED`` of two layers, from an archive; ``KEPT`` with one more, committed; a container of the first.

    Volumes: ``used`` by the container, ``idle`` with one file, ``elsewhere`` in memory.
    """
    with running_engine() as engine:
        engine.docker("load", input=checked_archive())
        program = "echo more > /more; rm -r /data-0/1; mkdir -m 700 /own; ln /more /own/link"
        engine.docker("run", "--name", "worked", LOADED, "/bin/busybox", "sh", "-c", f"busybox sh -c '{program}'")
        engine.docker("commit", "worked", KEPT)
        engine.docker("rm", "worked")
        container = engine.out("create", "--name", "waiting", "-v", "used:/used", LOADED, "/bin/busybox", "true")
        engine.docker("volume", "create", "--label", "of=idle", "idle")
        (engine.data_root / "volumes/idle/_data/file").write_text("precious")
        engine.docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "elsewhere")
        image = engine.out("images", "--quiet", "--no-trunc", LOADED).removeprefix("sha256:")
        engine.stop()
        good = engine.root / "good"
        subprocess.run(["cp", "-a", str(engine.data_root), str(good)], check=True)
        with closing(sqlite3.connect(good / "state.db")) as database:
            rows = dict(database.execute("SELECT id, json_extract(record, '$.parent.hex') FROM layer"))
            blob_of = dict(database.execute("SELECT id, json_extract(record, '$.blob.hex') FROM layer"))
        (lowest,) = [chain for chain, parent in rows.items() if parent is None]
        (second,) = [chain for chain, parent in rows.items() if parent == lowest]
        tree = Tree(engine, good, (lowest, second), (blob_of[lowest], blob_of[second]), image, container)
        yield tree
        tree.put_back()


@pytest.fixture
def tree(made: Tree) -> Tree:
    made.put_back()
    return made


def _flip(path: Path) -> None:
    """One bit, in the middle; the time stays."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(status.st_size // 2)
        byte = file.read(1)
        file.seek(status.st_size // 2)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _diff(tree: Tree, number: int = 1) -> Path:
    return tree.root / "layers" / tree.layers[number] / "diff"


def _dangling_tag(tree: Tree) -> None:
    tree.sql("INSERT INTO tag VALUES ('docker.io/library/ghost:1', ?)", "e" * 64)


def _image_without_layer(tree: Tree) -> None:
    tree.sql("DELETE FROM layer WHERE id = ?", tree.layers[1])
    tree.sql("DELETE FROM container")


def _lost_blob(tree: Tree) -> None:
    (tree.root / "blobs/sha256" / tree.blobs[1]).unlink()
    tree.sql("DELETE FROM container")


def _lost_layer(tree: Tree) -> None:
    shutil.rmtree(_diff(tree))
    _lost_blob(tree)


def _stray(tree: Tree, place: str) -> None:
    path = tree.root / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("nobody's")
    path.chmod(0o600 if "blobs" in place else 0o711)


def _volume(tree: Tree, name: str) -> Path:
    return tree.root / "volumes" / name


def _staged(tree: Tree, stage: str) -> None:
    (_volume(tree, "idle") / stage).mkdir(mode=0o700)
    (_volume(tree, "idle") / stage / "new").write_text("of an image")


def _made_for_nobody(tree: Tree) -> None:
    _volume(tree, "lost").mkdir(mode=0o711)
    (_volume(tree, "lost") / "_data").mkdir()
    record = f'{{"name":"lost","created_at":"2024-01-02T03:04:05Z","made_for":"{"e" * 64}"}}'
    tree.sql("INSERT INTO volume VALUES ('lost', ?)", record)


def _half_removed(tree: Tree) -> None:
    _volume(tree, "idle").rename(_volume(tree, ".gone-0123456789abcdef-idle"))


def _swapped(tree: Tree) -> None:
    path = _diff(tree) / "data-0/3"
    path.unlink()
    path.symlink_to("/etc/passwd")


Damage = Callable[[Tree], object]
MENDABLE: dict[str, tuple[str, Damage]] = {
    "a bit of a file": ("layer-tree-damaged", lambda tree: _flip(_diff(tree) / "data-0/3")),
    "an empty file": ("layer-tree-damaged", lambda tree: (_diff(tree) / "data-0/3").write_bytes(b"")),
    "a missing file": ("layer-tree-damaged", lambda tree: (_diff(tree) / "data-0/3").unlink()),
    "a file too many": ("layer-tree-damaged", lambda tree: (_diff(tree) / "data-0/extra").write_bytes(b"x")),
    "another mode": ("layer-tree-damaged", lambda tree: (_diff(tree) / "data-0/3").chmod(0o777)),
    "another owner": ("layer-tree-damaged", lambda tree: os.chown(_diff(tree) / "data-0/3", 7, 7)),
    "a link instead of a file": ("layer-tree-damaged", _swapped),
    "a broken hard link": ("layer-tree-damaged", lambda tree: _unlinked(_diff(tree, 0) / "bin/ls")),
    "no layer directory": ("layer-directory-missing", lambda tree: shutil.rmtree(_diff(tree).parent)),
    "no diff directory": ("layer-directory-missing", lambda tree: shutil.rmtree(_diff(tree))),
    "a lost blob": ("layer-blob-missing", _lost_blob),
    "a lost layer": ("layer-directory-missing", _lost_layer),
    "a layer off the record": ("image-layer-lost", _image_without_layer),
    "no configuration": ("image-config-missing", lambda tree: (tree.root / "blobs/sha256" / tree.image).unlink()),
    "a damaged configuration": ("image-config-damaged", lambda tree: _flip(tree.root / "blobs/sha256" / tree.image)),
    "a tag of nothing": ("tag-dangling", _dangling_tag),
    "a damaged record": ("record-damaged", lambda tree: tree.sql("UPDATE container SET record = '{\"id\": 7}'")),
    "a record put aside": (
        "record-put-aside",
        lambda tree: tree.sql("INSERT INTO quarantine VALUES ('container', 'x', '{', 'torn')"),
    ),
    "no container directory": (
        "container-directory-missing",
        lambda tree: shutil.rmtree(tree.root / "containers" / tree.container),
    ),
    "a stray blob": ("stray-blob", lambda tree: _stray(tree, f"blobs/sha256/{'d' * 64}")),
    "a stray layer": ("stray-layer", lambda tree: _stray(tree, f"layers/{'d' * 64}")),
    "a stray draft": ("stray-draft", lambda tree: _stray(tree, "tmp/blob-x")),
    "a stray container": ("stray-container", lambda tree: _stray(tree, f"containers/{'d' * 64}")),
    "a stray file": ("stray-file", lambda tree: _stray(tree, "layers/README")),
    "a volume without files": ("volume-files-missing", lambda tree: shutil.rmtree(_volume(tree, "idle"))),
    "a volume without its directory": ("volume-files-missing", lambda tree: shutil.rmtree(_volume(tree, "idle/_data"))),
    "a mounted volume's directory": ("volume-files-missing", lambda tree: shutil.rmtree(_volume(tree, "elsewhere"))),
    "a volume off the record": ("stray-volume", lambda tree: tree.sql("DELETE FROM volume WHERE id = 'idle'")),
    "a damaged volume's record": (
        "stray-volume",
        lambda tree: tree.sql("UPDATE volume SET record = '{' WHERE id = 'idle'"),
    ),
    "a volume for nobody": ("stray-volume", _made_for_nobody),
    "a volume half filled": ("volume-half-filled", lambda tree: _staged(tree, ".copying")),
    "a volume not quite filled": ("volume-half-filled", lambda tree: _staged(tree, ".arriving")),
    "a volume half removed": ("volume-half-removed", _half_removed),
    "a volume half made": ("stray-draft", lambda tree: _volume(tree, ".new-0123456789abcdef").mkdir()),
    "a closed volume": ("mode-wrong", lambda tree: _volume(tree, "used").chmod(0o700)),
    "somebody's volumes": ("owner-wrong", lambda tree: os.chown(tree.root / "volumes", 7, 7)),
    "an open database": ("mode-wrong", lambda tree: (tree.root / "state.db").chmod(0o644)),
    "a closed layer": ("mode-wrong", lambda tree: _diff(tree).parent.chmod(0o700)),
    "somebody's blobs": ("owner-wrong", lambda tree: os.chown(tree.root / "blobs/sha256", 7, 7)),
}
_NOT_QUICK = {name for name, (code, _) in MENDABLE.items() if code == "layer-tree-damaged"}


def _unlinked(path: Path) -> None:
    data, status = path.read_bytes(), path.stat()
    path.unlink()
    path.write_bytes(data)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_sound_tree_is_clean(tree: Tree) -> None:
    verdict, told = fsck(tree.engine)
    assert told == ["clean"]
    assert verdict == CLEAN


@pytest.mark.parametrize("damage", MENDABLE)
def test_damage_is_found_and_mended(tree: Tree, damage: str) -> None:
    code, make = MENDABLE[damage]
    make(tree)
    verdict, told = fsck(tree.engine)
    assert verdict == DAMAGED
    assert [line for line in told if line.startswith(f"{code} ")], told
    verdict, told = (
        fsck(tree.engine, "--quick", "--repair") if damage not in _NOT_QUICK else fsck(tree.engine, "--repair")
    )
    assert verdict == MENDED, told
    assert fsck(tree.engine) == (CLEAN, ["clean"])


def test_what_is_mended_runs_and_what_is_lost_is_named(tree: Tree) -> None:
    _flip(_diff(tree) / "data-0/3")
    shutil.rmtree(_diff(tree, 0).parent)
    assert fsck(tree.engine, "--repair")[0] == MENDED
    tree.engine.start()
    try:
        assert len(images(tree.engine)) == 2
        assert_whole(tree.engine, LOADED)
        assert tree.engine.docker("start", "waiting").returncode == 0
        tree.engine.docker("rm", "-f", "waiting")
    finally:
        tree.engine.stop()
    _lost_blob(tree)
    verdict, told = fsck(tree.engine, "--repair")
    assert verdict == MENDED
    lost = [line for line in told if line.startswith("image-layer-lost")]
    assert [name for name in (LOADED, KEPT) if any(name in line for line in lost)] == [LOADED, KEPT]
    tree.engine.start()
    try:
        assert images(tree.engine) == []
        tree.engine.docker("load", input=checked_archive())
        assert_whole(tree.engine, LOADED)
    finally:
        tree.engine.stop()


def test_a_blob_that_a_container_needs_is_left_for_a_person_to_decide(tree: Tree) -> None:
    _flip(tree.root / "blobs/sha256" / tree.blobs[1])
    verdict, told = fsck(tree.engine, "--repair")
    assert verdict == DAMAGED
    (line,) = [line for line in told if line.startswith("layer-blob-damaged")]
    assert "container waiting" in line
    assert "mended" not in line


def test_the_files_of_a_volume_outlive_the_loss_of_its_record(tree: Tree) -> None:
    tree.sql("DELETE FROM volume WHERE id = 'idle'")
    _staged(tree, ".arriving")
    verdict, told = fsck(tree.engine, "--repair")
    assert (verdict, told[:-1]) == (
        MENDED,
        [
            "stray-volume idle: has files and no record that can be read (on record again, without its labels and "
            "options)"
        ],
    )
    data = _volume(tree, "idle/_data")
    assert {path.name: path.read_text() for path in data.iterdir()} == {"file": "precious", "new": "of an image"}


@pytest.mark.parametrize("damage", ["gone", "a link", "a file"])
def test_lost_files_of_a_volume_in_use_are_left_for_a_person_to_decide(tree: Tree, damage: str) -> None:
    data = _volume(tree, "used/_data")
    data.rmdir()
    if damage == "a link":
        data.symlink_to("/etc")
    if damage == "a file":
        data.write_text("x")
    verdict, told = fsck(tree.engine, "--repair")
    assert verdict == DAMAGED
    (line,) = [line for line in told if line.startswith("volume-files-missing used: ")]
    assert ("waiting" in line) == (damage == "gone")
    assert data.exists() == (damage != "gone")


def test_what_is_no_volume_is_told_and_left(tree: Tree) -> None:
    (_volume(tree, "README")).write_text("mine")
    verdict, told = fsck(tree.engine, "--repair")
    assert verdict == DAMAGED
    assert told[0] == f"stray-file {_volume(tree, 'README')}: is no volume: move it away"
    assert _volume(tree, "README").read_text() == "mine"


@pytest.mark.parametrize("damage", ["empty", "half", "gone", "text"])
def test_a_damaged_database_is_refused_by_name(tree: Tree, damage: str) -> None:
    database = tree.root / "state.db"
    for beside in tree.root.glob("state.db-*"):
        beside.unlink()
    data = database.read_bytes()
    database.write_bytes({"empty": b"", "half": data[: len(data) // 2], "gone": b"", "text": b"hello" * 1000}[damage])
    if damage == "gone":
        database.unlink()
    verdict, told = fsck(tree.engine, "--repair")
    assert verdict == DAMAGED
    assert told[0].startswith(f"database-{'missing' if damage == 'gone' else 'damaged'} {database}: ")
    assert "put back a copy" in told[0]


def test_a_tree_with_a_running_engine_is_not_touched(tree: Tree) -> None:
    tree.engine.start()
    try:
        verdict, told = fsck(tree.engine, "--repair")
        assert verdict == REFUSED
        assert "another engine" in told[0]
    finally:
        tree.engine.stop()


def test_a_directory_that_is_not_there_is_not_made(tree: Tree, tmp_path: Path) -> None:
    lost = RunningEngine(root=tmp_path / "x", bridge="")
    assert fsck(lost)[0] == REFUSED
    assert not (tmp_path / "x").exists()
