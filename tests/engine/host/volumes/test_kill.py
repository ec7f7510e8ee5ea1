"""An engine that is killed leaves volumes whole or not at all, and none that belong to nobody."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.engine.conftest import RunningEngine

pytestmark = pytest.mark.host


def present(engine: RunningEngine) -> list[str]:
    return sorted(path.name for path in (engine.data_root / "volumes").iterdir())


def test_half_made_and_half_removed_volumes_are_swept(engine: RunningEngine) -> None:
    engine.docker("volume", "create", "whole")
    engine.docker("volume", "create", "going")
    engine.kill()
    places = engine.data_root / "volumes"
    shutil.copytree(places / "whole", places / ".new-0123456789abcdef")
    shutil.copytree(places / "whole", places / ".gone-0123456789abcdef-whole")  # an older one of that name
    (places / "going").rename(places / ".gone-0123456789abcdef-going")
    engine.start()
    assert present(engine) == ["whole"]
    assert engine.out("volume", "ls", "-q") == "whole"


def test_files_whose_record_is_lost_are_kept(engine: RunningEngine) -> None:
    engine.docker("volume", "create", "--label", "a=b", "precious")
    (engine.data_root / "volumes/precious/_data/file").write_text("data")
    engine.kill()
    with contextlib.closing(sqlite3.connect(engine.data_root / "state.db")) as database, database:
        database.execute("DELETE FROM volume WHERE id = 'precious'")
    engine.start()
    assert "precious" in engine.out("volume", "ls", "-q").split()
    assert (engine.data_root / "volumes/precious/_data/file").read_text() == "data"
    assert "volume precious has files and no record" in engine.log


def test_what_was_being_copied_is_dropped_and_what_was_arriving_arrives(engine: RunningEngine) -> None:
    engine.docker("volume", "create", "copying")
    engine.docker("volume", "create", "arriving")
    engine.kill()

    def half(name: str, stage: str) -> None:
        staging = engine.data_root / "volumes" / name / stage
        (staging / "sub").mkdir(parents=True)
        (staging / "sub/file").touch()
        staging.chmod(0o751)

    half("copying", ".copying")
    half("arriving", ".arriving")
    engine.start()
    found = {
        name: sorted(str(path.relative_to(engine.data_root / "volumes" / name)) for path in files(engine, name))
        for name in ("copying", "arriving")
    }
    assert found == {"copying": ["_data"], "arriving": ["_data", "_data/sub", "_data/sub/file"]}
    assert (engine.data_root / "volumes/arriving/_data").stat().st_mode & 0o777 == 0o751


def files(engine: RunningEngine, name: str) -> list[Path]:
    return list((engine.data_root / "volumes" / name).rglob("*"))


def test_volumes_made_for_a_container_that_never_came_are_removed_and_those_left_stay(
    engine: RunningEngine, image: str
) -> None:
    engine.docker("create", "--name", "there", "-v", "/kept", image, "true")
    engine.docker("create", "--name", "left", "-v", "/left", image, "true")
    engine.docker("rm", "left")
    engine.docker("create", "--name", "lost", "-v", "/gone", image, "true")
    before = set(engine.out("volume", "ls", "-q").split())
    lost = engine.out("inspect", "-f", "{{.Id}}", "lost")
    gone = engine.out("inspect", "-f", "{{(index .Mounts 0).Name}}", "lost")
    engine.kill()
    forget(engine, lost)
    engine.start()
    assert set(engine.out("volume", "ls", "-q").split()) == before - {gone}
    assert len(before) == 3


def forget(engine: RunningEngine, container_id: str) -> None:
    """As if the engine had been killed just before the container was on record."""

    database = sqlite3.connect(engine.data_root / "state.db")
    with database:
        database.execute("DELETE FROM container WHERE id = ?", (container_id,))
    database.close()
