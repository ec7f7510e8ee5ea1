"""``docker commit``: what is in the image, what it says, and what it takes to be whole."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until
from tests.engine.host.containers.files import Files, member, tar_of

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        engine.docker("import", "-c", "ENV FROM=image", "-c", "WORKDIR /tmp", "-", IMAGE, input=busybox_tar)
        script = "echo one > /one; rm /etc/group; ln /one /two; chown 5:6 /one; echo up; sleep 1000"
        engine.docker("run", "-d", "--name", "box", "-e", "A=1", "-l", "x=y", IMAGE, "sh", "-c", script)
        wait_until(lambda: engine.out("logs", "box") == "up")
        yield engine


def image(engine: RunningEngine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.out("image", "inspect", name))[0]
    return found


def test_an_image_has_what_the_container_had(engine: RunningEngine) -> None:
    told = engine.out("commit", "-m", "a message", "-a", "an author", "box", "made:1")
    found, base = image(engine, "made:1"), image(engine, IMAGE)
    assert told == found["Id"]
    assert (found["Parent"], found["Comment"], found["Author"]) == (base["Id"], "a message", "an author")
    assert found["RootFS"]["Layers"][:-1] == base["RootFS"]["Layers"]
    assert found["Config"]["Env"] == ["A=1", "FROM=image"]
    assert (found["Config"]["Labels"], found["Config"]["WorkingDir"]) == ({"x": "y"}, "/tmp")
    assert found["Config"]["Cmd"][:2] == ["sh", "-c"]
    newest = json.loads(engine.out("history", "--no-trunc", "--format", "{{json .}}", "made:1").splitlines()[0])
    assert newest["Comment"] == "a message"
    assert newest["CreatedBy"].startswith("sh -c echo one")
    seen = engine.out("run", "--rm", "made:1", "sh", "-c", "cat /two; stat -c '%u:%g %h' /one; ls /etc")
    assert seen.splitlines()[:2] == ["one", "5:6 2"]
    assert "group" not in seen.split()


def events_of(engine: RunningEngine, name: str) -> list[dict[str, Any]]:
    until = time.time() + 0.1
    found = Files(engine).ask("GET", f"/events?since=0&until={until:.3f}").lines
    return [event for event in found if event["Actor"]["Attributes"].get("name") == name]


def test_a_container_is_paused_for_it_and_goes_on(engine: RunningEngine) -> None:
    engine.docker("commit", "-m", "why", "box", "goes-on:1")
    assert engine.out("inspect", "-f", "{{.State.Status}}", "box") == "running"
    events = events_of(engine, "box")
    assert [event["Action"] for event in events[-3:]] == ["pause", "unpause", "commit"]
    told = events[-1]["Actor"]["Attributes"]
    assert (told["comment"], told["imageRef"]) == ("why", "goes-on:1")
    assert told["imageID"] == image(engine, "goes-on:1")["Id"]
    engine.docker("commit", "--pause=false", "box")
    assert [event["Action"] for event in events_of(engine, "box")[-2:]] == ["commit", "commit"]


@pytest.mark.parametrize("state", ["created", "paused", "exited"])
def test_a_container_is_committed_in_any_state(engine: RunningEngine, state: str) -> None:
    engine.docker("create", "--name", state, IMAGE, "sh", "-c", "echo 1 > /f")
    if state == "exited":
        engine.docker("start", "-a", state)
    if state == "paused":
        engine.docker("rm", state)
        engine.docker("run", "-d", "--name", state, IMAGE, "sleep", "1000")
        engine.docker("pause", state)
    engine.docker("commit", state, f"of-{state}:1")
    assert engine.out("inspect", "-f", "{{.State.Status}}", state) == state
    layers = len(image(engine, f"of-{state}:1")["RootFS"]["Layers"])
    assert layers == (2 if state == "exited" else 1), "no layer where nothing changed"
    engine.docker("rm", "-f", state)


def test_changes_and_a_configuration_overrule_the_container_s(engine: RunningEngine) -> None:
    engine.docker("commit", "-c", 'ENTRYPOINT ["cat"]', "-c", 'CMD ["/one"]', "-c", "ENV B=2", "box", "changed:1")
    assert engine.out("run", "--rm", "changed:1") == "one"
    body = {"Cmd": ["echo", "from", "body"], "Env": ["A=2"], "Labels": {"own": "1"}, "ExposedPorts": {"80/tcp": {}}}
    answer = Files(engine).ask("POST", "/commit?container=box&repo=body&tag=1", body)
    assert answer.status == 201
    config = image(engine, answer.json["Id"])["Config"]
    assert (config["Cmd"], config["Env"]) == (["echo", "from", "body"], ["A=2", "FROM=image"])
    assert (config["Labels"], config["ExposedPorts"]) == ({"x": "y", "own": "1"}, {"80/tcp": {}})
    assert engine.out("run", "--rm", "body:1") == "from body"


@pytest.mark.parametrize(
    ("query", "body", "status", "words"),
    [
        ("container=nobody", None, 404, "No such container: nobody"),
        ("container=box&repo=Upper", None, 400, "must be lowercase"),
        ("container=box&repo=a&tag=%20", None, 400, "invalid reference format"),
        ("container=box&repo=a@sha256:" + "0" * 64, None, 400, "digest reference"),
        ("container=box&tag=1", None, 400, "repo"),
        ("container=box&changes=FOO%20x", None, 400, "FOO is not a valid change command"),
        ("container=box", {"Cmd": 5}, 400, "Cmd"),
        ("container=box", {"ExposedPorts": {"x": {}}}, 400, "x"),
    ],
)
def test_a_wrong_request_makes_nothing(
    engine: RunningEngine, query: str, body: object, status: int, words: str
) -> None:
    before = engine.out("images", "-aq")
    answer = Files(engine).ask("POST", f"/commit?{query}", body)
    assert (answer.status, words in answer.json["message"]) == (status, True), answer.body
    assert engine.out("images", "-aq") == before


def test_an_image_that_was_removed_by_force_is_not_missed(engine: RunningEngine) -> None:
    """Its layers are there for the container's sake; the new image keeps them, and says how many they are."""
    engine.docker("commit", "box", "base:1")
    engine.docker("run", "--name", "orphan", "base:1", "sh", "-c", "echo 2 > /late")
    engine.docker("rmi", "-f", "base:1")
    engine.docker("commit", "orphan", "again:1")
    found = image(engine, "again:1")
    history = json.loads(Files(engine).ask("GET", "/images/again:1/history").body)
    assert (len(found["RootFS"]["Layers"]), len(history)) == (3, 3)
    engine.docker("rm", "orphan")
    saved = engine.docker("save", "again:1").stdout
    engine.docker("rmi", "again:1")
    engine.docker("load", input=saved)
    assert engine.out("run", "--rm", "again:1", "cat", "/one", "/late") == "one\n2"


def test_what_packs_to_nothing_is_no_bomb(engine: RunningEngine) -> None:
    engine.docker("create", "--name", "zeros", IMAGE, "wc", "-c", "/zeros")
    assert Files(engine).put("zeros", "/", tar_of(member("zeros", bytes(80 << 20)))).status == 200
    engine.docker("commit", "zeros", "zeros:1")
    assert engine.out("run", "--rm", "zeros:1").split()[0] == str(80 << 20)
    engine.docker("rm", "zeros")


def test_a_container_removed_meanwhile_makes_no_image(engine: RunningEngine) -> None:
    """Whichever comes first: a whole image, or none and a word about it."""
    for number in range(4):
        engine.docker("run", "-d", "--name", f"gone{number}", IMAGE, "sleep", "1000")
        Files(engine).put(f"gone{number}", "/tmp", tar_of(*(member(f"f{n}", b"x" * 2000) for n in range(300))))
        with engine.popen("commit", "--pause=false", f"gone{number}", f"gone{number}:1") as committing:
            engine.docker("rm", "-f", f"gone{number}")
            _, complaint = committing.communicate(timeout=30)
        if committing.returncode == 0:
            out = engine.out("run", "--rm", f"gone{number}:1", "sh", "-c", "ls /tmp | wc -l")
            assert out == "300"
        else:
            assert b"No such container" in complaint
            assert engine.docker("image", "inspect", f"gone{number}:1", check=False).returncode != 0
    drafts = [path.name for path in (engine.data_root / "tmp").iterdir()]
    assert drafts == []
