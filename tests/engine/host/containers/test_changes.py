"""What ``docker diff`` tells, how large a container is said to be, and what ``docker export`` gives."""

import io
import tarfile
from collections.abc import Iterator

import pytest

from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until
from tests.engine.host.containers.files import Files

pytestmark = pytest.mark.host

CHANGES = """
echo more >> /etc/passwd; rm /etc/group; chmod 700 /root; rm -r /var && mkdir /var && echo 1 > /var/new
touch /tmp/passing && rm /tmp/passing; mkdir -p /a/b/c; echo x > /a/b/c/f; mv /bin/vi /bin/vi.old
head -c 100000 /dev/zero > /a/large; ln /a/large /a/again; ln -s /a/large /a/link; mkfifo /a/pipe
"""
EXPECTED = {
    "C /etc",
    "C /etc/passwd",
    "D /etc/group",
    "C /root",
    "C /var",
    "A /var/new",
    "A /a",
    "A /a/b",
    "A /a/b/c",
    "A /a/b/c/f",
    "C /bin",
    "D /bin/vi",
    "A /bin/vi.old",
    "A /a/large",
    "A /a/again",
    "A /a/link",
    "A /a/pipe",
}


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        engine.docker("run", "--name", "ended", "--network", "none", IMAGE, "sh", "-c", CHANGES)
        engine.docker(
            "run", "-d", "--name", "runs", "--network", "none", IMAGE, "sh", "-c", CHANGES + "echo up; sleep 1000"
        )
        engine.docker("run", "-d", "--name", "idle", "--network", "none", IMAGE, "sleep", "1000")
        wait_until(lambda: engine.out("logs", "runs") == "up")
        yield engine


@pytest.mark.parametrize("name", ["ended", "runs"])
def test_changes_are_told_with_their_parents_and_nothing_else(engine: RunningEngine, name: str) -> None:
    told = engine.out("diff", name).splitlines()
    assert set(told) == EXPECTED
    assert len(told) == len(EXPECTED)
    paths = [line.split(" ")[1] for line in told]
    assert all(path.rpartition("/")[0] in ("", *paths[:at]) for at, path in enumerate(paths)), "parents come first"


def test_a_container_that_changed_nothing_has_no_changes(engine: RunningEngine) -> None:
    """Although the runtime made files and directories to mount upon."""
    assert Files(engine).ask("GET", "/containers/idle/changes").json is None


def test_a_directory_in_place_of_a_file_and_the_other_way_round(engine: RunningEngine) -> None:
    script = "rm /bin/vi; mkdir /bin/vi; touch /bin/vi/f; rm -r /var; touch /var"
    engine.docker("run", "--name", "kinds", "--network", "none", IMAGE, "sh", "-c", script)
    assert set(engine.out("diff", "kinds").splitlines()) == {"C /bin", "C /bin/vi", "A /bin/vi/f", "C /var"}


def test_a_size_counts_each_file_once(engine: RunningEngine) -> None:
    found = Files(engine).ask("GET", "/containers/ended/json?size=1").json
    passwd, small = len("root:x:0:0:root:/root:/bin/sh\nmore\n"), len("1\n") + len("x\n")
    links = len("busybox") + len("/a/large")  # /bin/vi.old is one, too
    assert found["SizeRw"] == 100_000 + passwd + small + links
    image = int(engine.out("image", "inspect", "-f", "{{.Size}}", IMAGE))
    assert found["SizeRootFs"] == image + found["SizeRw"]
    listed = Files(engine).ask("GET", "/containers/json?all=1&size=1").json
    assert [one["SizeRw"] for one in listed if one["Names"] == ["/ended"]] == [found["SizeRw"]]
    assert "SizeRw" not in Files(engine).ask("GET", "/containers/ended/json").json


def test_a_size_does_not_need_the_image(engine: RunningEngine, busybox_tar: bytes) -> None:
    engine.docker("import", "-c", "LABEL of=passing", "-", "passing:1", input=busybox_tar)
    engine.docker("create", "--name", "orphan", "passing:1", "true")
    engine.docker("rmi", "-f", "passing:1")
    assert Files(engine).ask("GET", "/containers/orphan/json?size=1").json["SizeRootFs"] > 1_000_000


@pytest.mark.parametrize("name", ["ended", "runs"])
def test_an_export_is_the_whole_tree_with_the_container_s_owners(engine: RunningEngine, name: str) -> None:
    out = engine.docker("export", name).stdout
    with tarfile.open(fileobj=io.BytesIO(out), mode="r:") as tar:
        found = {info.name: info for info in tar}
    assert {"a", "bin/busybox", "dev", "etc/hosts", "proc", "var/new"} <= found.keys()
    assert {"etc/group", "bin/vi", "proc/1", "dev/null"}.isdisjoint(found)
    assert {(info.uid, info.gid) for info in found.values()} == {(0, 0)}
    assert (found["a/again"].type, found["a/large"].type) == (tarfile.REGTYPE, tarfile.LNKTYPE)
    assert found["a/large"].linkname == "a/again"
    assert found["a/pipe"].type == tarfile.FIFOTYPE


def test_what_is_exported_can_be_imported_and_run(engine: RunningEngine) -> None:
    engine.docker("pause", "runs")
    out = engine.docker("export", "runs").stdout
    engine.docker("unpause", "runs")
    engine.docker("import", "-", "exported:1", input=out)
    assert engine.out("run", "--rm", "--network", "none", "exported:1", "cat", "/var/new", "/a/b/c/f") == "1\nx"


def test_absent_containers_are_missing(engine: RunningEngine) -> None:
    for path in ("/containers/nobody/changes", "/containers/nobody/export"):
        answer = Files(engine).ask("GET", path)
        assert (answer.status, answer.json["message"]) == (404, "No such container: nobody")
