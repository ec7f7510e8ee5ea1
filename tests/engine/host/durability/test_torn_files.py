"""Each file that an engine keeps: empty, half, with a bit flipped, gone, or a link to somewhere else.

The engine starts and goes on without that object alone; or it refuses to start, names the file and says what to do.
"""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import REPOSITORY, RunningEngine, running_engine, wait_until
from tests.engine.host.durability.conftest import LOADED, assert_whole, checked_archive

pytestmark = pytest.mark.host


@dataclass
class Down:
    """An engine that was killed, so that its database has a log; ``hurt`` and ``sound`` are containers that exited."""

    engine: RunningEngine
    good: Path
    hurt: str

    @property
    def root(self) -> Path:
        return self.engine.data_root

    def put_back(self) -> None:
        shutil.rmtree(self.root)
        subprocess.run(["cp", "-a", str(self.good), str(self.root)], check=True)


@pytest.fixture(scope="module")
def made() -> Iterator[Down]:
    with running_engine() as engine:
        engine.docker("load", input=checked_archive())
        for name in ("hurt", "sound"):
            engine.docker("run", "--name", name, LOADED, "/bin/busybox", "echo", f"of {name}")
        hurt = engine.out("inspect", "--format", "{{.Id}}", "hurt")
        engine.kill()
        subprocess.run(["cp", "-a", str(engine.data_root), str(engine.root / "good")], check=True)
        down = Down(engine, engine.root / "good", hurt)
        yield down
        down.put_back()


@pytest.fixture
def down(made: Down) -> Iterator[Down]:
    made.put_back()
    yield made
    assert made.engine.process is not None
    if made.engine.process.poll() is None:
        made.engine.kill()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def _linked(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_bytes(b"somebody's")
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _gone(path: Path) -> None:
    path.unlink()


Tear = Callable[[Path], None]
TEARS: dict[str, Tear] = {"empty": _empty, "half": _half, "flipped": _flipped, "linked": _linked, "gone": _gone}


def _refusal(engine: RunningEngine) -> str:
    done = subprocess.run(engine.command("serve"), cwd=REPOSITORY, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr.splitlines()[-1]


def _ids(engine: RunningEngine) -> list[str]:
    return sorted(engine.out("ps", "--all", "--format", "{{.Names}}").split())


@pytest.mark.parametrize("tear", ["empty", "half", "linked", "gone"])
def test_without_its_records_the_engine_does_not_start_and_removes_nothing(down: Down, tear: str) -> None:
    for beside in down.root.glob("state.db-*"):
        beside.unlink()
    if tear == "half":  # with the log gone the file may be one page: leave less than that
        (down.root / "state.db").write_bytes((down.root / "state.db").read_bytes()[:1000])
    else:
        TEARS[tear](down.root / "state.db")
    layers = sorted((down.root / "layers").iterdir())
    told = _refusal(down.engine)
    assert str(down.root / "state.db") in told
    assert "put" in told
    assert sorted((down.root / "layers").iterdir()) == layers


@pytest.mark.parametrize("tear", ["half", "flipped"])
def test_a_torn_end_of_the_databases_log_costs_what_came_last_at_most(down: Down, tear: str) -> None:
    """SQLite's log has a sum for every page: it is read up to the first that is wrong, never beyond."""
    log = down.root / "state.db-wal"
    with closing(sqlite3.connect(down.root / "state.db")) as database:  # so that what is torn is only this
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("INSERT INTO setting VALUES ('torn', ?)", ("x" * 9000,))
        database.commit()
        copy = log.read_bytes()
    log.write_bytes(copy)
    TEARS[tear](log)
    (down.root / "state.db-shm").unlink(missing_ok=True)
    down.engine.start()
    assert _ids(down.engine) == ["hurt", "sound"]
    assert_whole(down.engine, LOADED)


@pytest.mark.parametrize("tear", TEARS)
def test_the_lock_file_may_hold_anything(down: Down, tear: str) -> None:
    lock = down.root / "engine.lock"
    TEARS[tear](lock)
    if tear == "linked":
        assert str(lock) in _refusal(down.engine)
        assert (down.root / "elsewhere").read_bytes() == b"somebody's"
    else:
        down.engine.start()
        assert _ids(down.engine) == ["hurt", "sound"]


@pytest.mark.parametrize("tear", TEARS)
@pytest.mark.parametrize("name", ["hosts", "hostname", "resolv.conf"])
def test_a_container_starts_whatever_became_of_its_files_for_etc(down: Down, tear: str, name: str) -> None:
    path = down.root / "containers" / down.hurt / "etc" / name
    TEARS[tear](path)
    down.engine.start()
    down.engine.docker("start", "--attach", "hurt")
    down.engine.docker("start", "--attach", "sound")
    assert not path.is_symlink()
    if tear in ("linked", "gone"):
        assert name in down.engine.log
        assert path.stat().st_size


@pytest.mark.parametrize("tear", TEARS)
def test_a_torn_log_costs_its_own_lines_only(down: Down, tear: str) -> None:
    path = down.root / "containers" / down.hurt / "log" / "container.log"
    TEARS[tear](path)
    down.engine.start()
    assert down.engine.out("logs", "sound") == "of sound"
    told = down.engine.docker("logs", "hurt", check=False)
    assert b"somebody's" not in told.stdout + told.stderr
    assert down.engine.out("inspect", "--format", "{{.Name}}", "hurt") == "/hurt"
    down.engine.docker("rm", "hurt")


@pytest.mark.parametrize("record", ["", "{", '{"id": 7}', "null"])
def test_a_record_that_cannot_be_read_is_put_aside_alone_and_its_files_are_kept(down: Down, record: str) -> None:
    with closing(sqlite3.connect(down.root / "state.db")) as database:
        database.execute("UPDATE container SET record = ? WHERE id = ?", (record, down.hurt))
        database.commit()
    for _ in range(2):  # also at the start after that
        down.engine.start()
        assert _ids(down.engine) == ["sound"]
        down.engine.docker("start", "--attach", "sound")
        down.engine.kill()
        assert (down.root / "containers" / down.hurt / "upper").is_dir()
    assert f"container {down.hurt} is damaged and was put into quarantine" in down.engine.log


@pytest.mark.parametrize("text", ["", "1", "x", "-", "9" * 400])
def test_an_exit_file_that_says_nothing_is_an_unknown_end(down: Down, text: str) -> None:
    down.engine.start()
    down.engine.docker("run", "-d", "--name", "ended", LOADED, "/bin/busybox", "sleep", "600")
    (state,) = json.loads(down.engine.out("inspect", "ended"))
    down.engine.kill()
    exit_file = down.engine.run_root / "exits" / state["Id"]
    subprocess.run(["kill", "-KILL", str(state["State"]["Pid"])], check=True)
    _wait_for(exit_file)
    exit_file.write_text(text)
    down.engine.start()
    status, code = down.engine.out("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "ended").split()
    assert status == "exited"
    assert code == ("1" if text == "1" else "255")
    down.engine.docker("rm", "ended")


def _wait_for(path: Path) -> None:
    wait_until(lambda: path.exists() and path.stat().st_size, what=f"{path} is written")
