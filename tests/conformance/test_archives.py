"""Files of containers and commits: both engines are asked the same and answer the same."""

import base64
import io
import json
import stat
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.client import Answer, Client, until
from tests.conformance.conftest import IMAGE
from tests.conformance.normal import differences, normal
from tests.engine.host.images.archives import member, tar_of

pytestmark = [pytest.mark.conformance, pytest.mark.host]

CHANGES = """
mkdir -p /made/deep/er; echo 1 > /made/deep/er/file; ln -s file /made/deep/er/link; ln -s nowhere /made/dangling
ln -s /made/deep /made/to; ln /made/deep/er/file /made/same; mkfifo /made/pipe; chmod 6755 /made/same
rm /bin/vi; mv /bin/awk /bin/awk2; rm -r /tmp; mkdir /tmp; chmod 1777 /tmp; rmdir /sys/x 2>/dev/null
rm /bin/cat; mkdir /bin/cat; echo 2 > /bin/cat/in; touch /bin/pass; rm /bin/pass; rmdir /made/none 2>/dev/null
echo up; sleep 1000
"""


@pytest.fixture(scope="module")
def both(ours: Client, dockers: Client) -> Iterator[tuple[Client, Client]]:
    for client in (ours, dockers):
        client.create("filed", {"Cmd": ["sh", "-c", CHANGES], "HostConfig": {"NetworkMode": "none"}})
        client.ask("POST", "/containers/filed/start")
        until(lambda client=client: b"up" in client.ask("GET", "/containers/filed/logs?stdout=1").body)
    yield ours, dockers
    for client in (ours, dockers):
        client.ask("DELETE", "/containers/filed?force=1")


def asked(both: tuple[Client, Client], method: str, path: str, body: object = None) -> list[Answer]:
    return [client.ask(method, path, body) for client in both]


def told(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(answer.headers["x-docker-container-path-stat"]))
    assert found.pop("mtime").endswith("Z")
    if found["mode"] & 1 << 31:
        found.pop("size")  # a directory's is the file system's business
    return found


def entries(answer: Answer) -> list[tuple[Any, ...]]:
    with tarfile.open(fileobj=io.BytesIO(answer.body), mode="r:") as tar:
        # Docker's own mark, which we do not make
        names = [info for info in tar if not info.name.endswith(".dockerenv")]
        return sorted(
            (info.name, info.type, stat.S_IMODE(info.mode), info.uid, info.gid, info.size, info.linkname)
            for info in names
        )


PATHS = (
    *("/made", "/made/", "/made/.", "/made/deep/er/file", "/made/deep/er/link", "/made/dangling", "/made/to"),
    *("/made/to/", "/made/to/.", "/made/../../made/deep", "made/deep", "/made/pipe", "/made/same", "/made/to/er/file"),
)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_described_and_archived_alike(both: tuple[Client, Client], path: str) -> None:
    our, theirs = asked(both, "HEAD", f"/containers/filed/archive?path={path}")
    assert told(our) == told(theirs)
    our, theirs = asked(both, "GET", f"/containers/filed/archive?path={path}")
    assert told(our) == told(theirs)
    assert entries(our) == entries(theirs)
    assert our.headers["content-type"] == theirs.headers["content-type"]


def test_the_whole_root_is_archived_alike(both: tuple[Client, Client]) -> None:
    our, theirs = asked(both, "GET", "/containers/filed/archive?path=/")
    engine_s = ("/etc", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab", "/dev", "/proc", "/sys", "/")

    def comparable(answer: Answer) -> list[tuple[Any, ...]]:
        return [
            entry
            for entry in entries(answer)
            if not entry[0].startswith(("/dev/", "/etc/")) and entry[0] not in engine_s
        ]

    assert comparable(our) == comparable(theirs)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "filed/archive?path=/nope", None),
        ("GET", "filed/archive?path=/made/dangling/", None),
        ("GET", "absent/archive?path=/", None),
        ("PUT", "filed/archive?path=/nope", tar_of(member("f"))),
        ("PUT", "absent/archive?path=/", tar_of(member("f"))),
        ("GET", "absent/changes", None),
        ("GET", "absent/export", None),
    ],
)
def test_what_is_not_there_is_told_alike(both: tuple[Client, Client], method: str, path: str, body: object) -> None:
    our, theirs = asked(both, method, f"/containers/{path}", body)
    assert (our.status, our.json) == (theirs.status, theirs.json)


def test_changes_are_told_alike(both: tuple[Client, Client]) -> None:
    our, theirs = asked(both, "GET", "/containers/filed/changes")
    listed = [sorted((change["Path"], change["Kind"]) for change in answer.json) for answer in (our, theirs)]
    assert listed[0] == listed[1]


@pytest.mark.parametrize("more", ["", "&noOverwriteDirNonDir=true"])
def test_what_is_put_in_comes_to_the_same(both: tuple[Client, Client], more: str) -> None:
    archive = tar_of(
        member("in/", kind=tarfile.DIRTYPE, mode=0o711, uid=3, gid=4),
        member("in/file", b"1", uid=5, gid=6, mode=0o750),
        # Docker gives a file the owner that a later link to it names; we leave it as its own entry said
        member("in/same", kind=tarfile.LNKTYPE, linkname="in/file", uid=5, gid=6, mode=0o750),
        member("in/link", kind=tarfile.SYMTYPE, linkname="../bin"),
        member("in/implied/file", b"2"),
        member("in/pipe", kind=tarfile.FIFOTYPE),
        member("in/null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
    )
    statuses = [answer.status for answer in asked(both, "PUT", f"/containers/filed/archive?path=/tmp{more}", archive)]
    assert statuses == [200, 200]
    our, theirs = asked(both, "GET", "/containers/filed/archive?path=/tmp/in")
    assert entries(our) == entries(theirs)


def test_kinds_are_kept_alike(both: tuple[Client, Client]) -> None:
    setup = tar_of(member("kind/dir/f"), member("kind/file"))
    asked(both, "PUT", "/containers/filed/archive?path=/tmp", setup)
    for archive in (tar_of(member("dir", b"x")), tar_of(member("file/", kind=tarfile.DIRTYPE))):
        query = "/containers/filed/archive?path=/tmp/kind&noOverwriteDirNonDir=1"
        our, theirs = asked(both, "PUT", query, archive)
        assert our.status == 400
        assert our.json["message"] in theirs.json["message"]
    our, theirs = asked(both, "PUT", "/containers/filed/archive?path=/tmp/kind/file", setup)
    assert our.json["message"] == theirs.json["message"]


def test_sizes_are_told_alike(ours: Client, dockers: Client) -> None:
    script = "head -c 5000 /dev/zero > /a; ln /a /b; ln -s /a /c; rm /bin/vi"
    sizes = []
    for client in (ours, dockers):
        client.run("sized", {"Cmd": ["sh", "-c", script], "HostConfig": {"NetworkMode": "none"}})
        found = client.ask("GET", "/containers/sized/json?size=1").json
        sizes.append(found["SizeRw"])
        assert found["SizeRootFs"] > found["SizeRw"]
        client.ask("DELETE", "/containers/sized")
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", None),
        ("&comment=why&author=who", {"Cmd": ["other"], "Env": ["B=2"], "Labels": {"own": "1"}}),
        ('&changes=ENTRYPOINT ["/e"]&changes=ENV C=3', None),
        ("&changes=EXPOSE 80&changes=USER nobody&changes=WORKDIR rel&changes=LABEL a=b", None),
    ],
)
def test_a_commit_is_inspected_alike(ours: Client, dockers: Client, query: str, body: object) -> None:
    found, steps = [], []
    for client in (ours, dockers):
        client.create("committed", {"Cmd": ["echo", "hi"], "Env": ["A=1"], "Labels": {"of": "container"}})
        client.ask("PUT", "/containers/committed/archive?path=/tmp", tar_of(member("f", b"1")))
        made = client.ask("POST", "/commit?container=committed&repo=c&tag=1" + query.replace(" ", "%20"), body)
        assert (made.status, list(made.json)) == (201, ["Id"])
        found.append(client.ask("GET", "/images/c:1/json").json)
        steps.append(
            [(one["CreatedBy"], one["Comment"], one["Tags"]) for one in client.ask("GET", "/images/c:1/history").json]
        )
        client.ask("DELETE", "/images/c:1")
        client.ask("DELETE", "/containers/committed")
    assert steps[0] == steps[1]
    # what the container was, and how it was named, is not part of how an image runs
    told = [text for text in differences(normal(found[1]), normal(found[0])) if not text.startswith(UNTOLD)]
    assert told == []
    assert sorted(found[0]["Config"]["Env"]) == sorted(found[1]["Config"]["Env"])


UNTOLD = (
    *(".GraphDriver", ".Metadata", ".Container", ".DockerVersion", ".RootFS.Layers", ".Parent"),
    *(".Config.Hostname", ".Config.Image", ".Config.Env", ".Id"),
)


@pytest.mark.parametrize(
    "query", ["container=absent", "container=filed&repo=Upper", "container=filed&changes=FOO%20x", ""]
)
def test_a_wrong_commit_is_refused_alike(both: tuple[Client, Client], query: str) -> None:
    our, theirs = asked(both, "POST", f"/commit?{query}")
    # dockerd 20.10 has 500 for what a client spelled wrong
    assert our.status == theirs.status or (our.status, theirs.status) == (400, 500)


def test_an_exported_container_is_imported_alike(both: tuple[Client, Client]) -> None:
    ours, dockers = both
    out = [entries(answer) for answer in asked((ours, dockers), "GET", "/containers/filed/export")]
    mine, theirs = (
        [entry for entry in found if not entry[0].startswith(("dev", "etc", "proc", "sys"))] for found in out
    )
    assert mine == theirs
    assert IMAGE in ours.ask("GET", "/images/json").body.decode()
