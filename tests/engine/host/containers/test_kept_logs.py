"""Logs that outlive their container: what is kept, for how long, and through the engine's death."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from engine.host.failpoints import KILLED, VARIABLE
from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until
from tests.engine.host.containers.files import Files
from tests.engine.host.containers.shared_engine import cleared_afterwards, engine_with_image

pytestmark = pytest.mark.host
ENDS = ("run", "--network", "none")


@pytest.fixture(scope="module")
def shared(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


@pytest.fixture
def engine(shared: RunningEngine) -> Iterator[RunningEngine]:
    """No log is kept in it yet."""
    with cleared_afterwards(shared):
        for each in kept(shared):
            Files(shared).ask("DELETE", f"/naru/logs/{each['id']}")
        yield shared


def kept(engine: RunningEngine, **filters: list[str]) -> list[dict[str, Any]]:
    answer = Files(engine).ask("GET", f"/naru/logs?filters={quote(json.dumps(filters))}")
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = json.loads(answer.body)
    return found


def text(engine: RunningEngine, name: str, parameters: str = "stdout=1&stderr=1") -> bytes:
    answer = Files(engine).ask("GET", f"/naru/logs/{name}?{parameters}")
    assert answer.status == 200, answer
    return answer.body


def frame(stream: int, line: str) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(line).to_bytes(4) + line.encode()


def test_a_removed_containers_log_is_read_as_it_was(engine: RunningEngine) -> None:
    labels = ("--label", "app=shop", "--label", "of=me")
    script = "echo one; echo two >&2; sleep 0.01; echo three; exit 7"
    engine.docker(*ENDS, "--name", "said", *labels, "-e", "SECRET=x", IMAGE, "sh", "-c", script, check=False)
    container = engine.out("inspect", "--format", "{{.Id}}", "said")
    framing = Files(engine).ask("GET", "/containers/said/logs?stdout=1&stderr=1&timestamps=1").body
    last = Files(engine).ask("GET", "/containers/said/logs?stdout=1&tail=1").body
    engine.docker("rm", "said")
    (facts,) = kept(engine)
    assert (facts["id"], facts["name"], facts["image"], facts["exitCode"]) == (container, "said", IMAGE, 7)
    assert facts["labels"] == {"app": "shop", "of": "me"}
    assert facts["created"] <= facts["started"] <= facts["finished"] <= facts["removed"]
    assert facts["bytes"] > 100
    assert "SECRET" not in json.dumps(facts)
    assert text(engine, container, "stdout=1&stderr=1&timestamps=1") == framing
    assert text(engine, "said", "stdout=1&tail=1") == last == frame(1, "three\n")
    assert text(engine, container[:12], "stderr=1&follow=1") == frame(2, "two\n")


def test_labels_names_and_ids_choose_among_kept_logs(engine: RunningEngine) -> None:
    for name, label in (("first", "app=a"), ("second", "app=a"), ("third", "app=b")):
        engine.docker(*ENDS, "--name", name, "--label", label, IMAGE, "echo", name)
    engine.docker("rm", "first")
    engine.docker("rm", "second", "third")
    assert [each["name"] for each in kept(engine, label=["app=a"])] == ["second", "first"]
    assert [each["name"] for each in kept(engine, name=["^thi"], label=["app"])] == ["third"]
    assert [each["name"] for each in kept(engine, id=[kept(engine)[0]["id"][:9]])] == [kept(engine)[0]["name"]]
    assert Files(engine).ask("GET", "/naru/logs?filters=%7B%22status%22%3A%5B%22x%22%5D%7D").status == 400


def test_what_says_nothing_is_silent_or_leaves_nobody_to_ask_is_not_kept(engine: RunningEngine) -> None:
    engine.docker(*ENDS, "--name", "silent", IMAGE, "true")
    engine.docker("create", "--name", "never", IMAGE, "true")
    engine.docker(*ENDS, "--name", "unread", "--log-driver", "none", IMAGE, "echo", "x")
    engine.docker(*ENDS, "--name", "unwanted", "--label", "naru.keep-logs=false", IMAGE, "echo", "x")
    engine.docker("rm", "silent", "never", "unread", "unwanted")
    engine.docker(*ENDS, "--rm", IMAGE, "echo", "x")
    wait_until(lambda: not engine.leftovers(), what="the last one is removed")
    assert kept(engine) == []
    assert Files(engine).ask("GET", "/naru/logs/silent?stdout=1").status == 404


def test_one_that_removes_itself_is_kept_where_a_label_asks_for_it(engine: RunningEngine) -> None:
    engine.docker(*ENDS, "--rm", "--tty", "--name", "job", "--label", "naru.keep-logs=true", IMAGE, "echo", "done")
    wait_until(lambda: kept(engine), what="it is kept")
    assert text(engine, "job", "stdout=1") == b"done\r\n"


def test_one_that_is_removed_by_force_while_it_runs_is_kept_with_its_end(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--name", "runs", IMAGE, "sh", "-c", "echo up; sleep 1000")
    wait_until(lambda: engine.out("logs", "runs") == "up")
    with engine.popen("logs", "-f", "runs") as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"up\n"
        engine.docker("rm", "-f", "runs")
        assert follower.communicate(timeout=20)[0] == b""
    wait_until(lambda: kept(engine), what="it is kept")
    assert kept(engine)[0]["exitCode"] == 137
    assert text(engine, "runs", "stdout=1") == frame(1, "up\n")


def test_of_several_of_one_name_the_name_means_the_last(engine: RunningEngine) -> None:
    for word in ("old", "new"):
        engine.docker(*ENDS, "--name", "again", IMAGE, "echo", word)
        engine.docker("rm", "again")
    assert text(engine, "again", "stdout=1") == frame(1, "new\n")
    assert Files(engine).ask("DELETE", "/naru/logs/again").status == 204
    assert text(engine, "again", "stdout=1") == frame(1, "old\n")
    assert Files(engine).ask("DELETE", "/naru/logs/again").status == 204
    assert Files(engine).ask("DELETE", "/naru/logs/again").status == 404


def test_a_removal_does_without_what_cannot_be_kept_and_a_death_at_one_costs_no_log(engine: RunningEngine) -> None:
    for name in ("full", "dies"):
        engine.docker(*ENDS, "--name", name, IMAGE, "echo", "last words")
    engine.stop()
    engine.variables[VARIABLE] = "log.keep=1*error(ENOSPC)->1*exit"
    engine.start()
    engine.docker("rm", "full")
    assert (kept(engine), len(engine.out("ps", "-aq").split())) == ([], 1)
    engine.docker("rm", "dies", check=False)
    assert engine.process is not None
    assert engine.process.wait(10) == KILLED
    del engine.variables[VARIABLE]
    engine.start()
    assert (engine.out("ps", "-aq"), engine.leftovers()) == ("", [])
    assert text(engine, "dies", "stdout=1") == frame(1, "last words\n")


def test_the_oldest_go_when_there_are_too_many_and_what_is_torn_at_the_start(busybox_tar: bytes) -> None:
    with running_engine("--keep-logs-bytes", "40k") as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        for name in ("k1", "k2", "k3"):
            engine.docker(*ENDS, "--name", name, IMAGE, "sh", "-c", "head -c 10000 /dev/zero | tr '\\0' x; echo")
            engine.docker("rm", name)
        assert [each["name"] for each in kept(engine)] == ["k3", "k2", "k1"]
        engine.docker(*ENDS, "--name", "k4", IMAGE, "sh", "-c", "head -c 20000 /dev/zero | tr '\\0' x")
        engine.docker("rm", "k4")
        assert [each["name"] for each in kept(engine)] == ["k4", "k3"]
        engine.stop()
        place = engine.data_root / "kept-logs"
        (place / kept_id(place, "k3") / "facts.json").write_bytes(b'{"id": "')
        (place / "stray").mkdir()
        engine.start()
        assert [each["name"] for each in kept(engine)] == ["k4"]
        assert len(list(place.iterdir())) == 1
        engine.stop()
        engine.arguments = ["--keep-logs-days", "0"]
        engine.start()
        assert list(place.iterdir()) == []
        engine.docker(*ENDS, "--name", "k5", IMAGE, "echo", "x")
        engine.docker("rm", "k5")
        assert kept(engine) == []


def kept_id(place: Path, name: str) -> str:
    return next(path.name for path in place.iterdir() if json.loads((path / "facts.json").read_text())["name"] == name)
