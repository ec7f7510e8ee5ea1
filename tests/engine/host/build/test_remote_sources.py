"""ADD and whole builds from addresses and repositories, served on loopback."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.host.build.conftest import BuilderProcess
from tests.engine.host.build.web import Web, run_git, serving
from tests.engine.unit.build.tars import tar_with

pytestmark = pytest.mark.host
MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT"
MODIFIED_AT = 1445412480


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with serving(tmp_path / "repositories") as web:
        yield web


def test_a_file_is_added_as_docker_adds_it(builder: BuilderProcess, web: Web) -> None:
    archive = tar_with({"inside": "x"})
    web.answers["/d/a.tar"] = (200, {"Last-Modified": MODIFIED}, archive)
    built = builder.build(f"FROM bb:1\nADD {web.url}/d/a.tar?sign=hidden /new/\nADD {web.url}/d/a.tar /b\n")
    found = builder.files(built["id"], "")
    assert found["new/a.tar"][:3] == ["-rw-------", 0, 0]
    assert found["new/a.tar"][4] == MODIFIED_AT
    assert found["b"][0] == "-rw-------"
    assert "hidden" not in repr(built["history"])
    web.answers["/d/a.tar"] = (200, {}, archive + b"\0")
    assert (
        builder.build(f"FROM bb:1\nADD {web.url}/d/a.tar?sign=hidden /new/\nADD {web.url}/d/a.tar /b\n")["id"]
        != built["id"]
    )


def test_a_checksum_is_kept(builder: BuilderProcess, web: Web) -> None:
    web.answers["/f"] = (200, {}, b"content")
    good = hashlib.sha256(b"content").hexdigest()
    built = builder.build(f"FROM bb:1\nADD --checksum=sha256:{good} --chmod=644 {web.url}/f /{builder.token}\n")
    assert builder.files(built["id"], "")[builder.token][0] == "-rw-r--r--"
    bad = builder.build(f"FROM bb:1\nADD --checksum=sha256:{'0' * 64} {web.url}/f /x\n")
    assert "digest mismatch" in bad["error"]
    assert good in bad["error"]


@pytest.mark.parametrize(
    ("flags", "sources", "message"),
    [
        ("--checksum=sha256:1", "{url}/f", "expected sha256: and 64 hex digits"),
        (f"--checksum=sha256:{'0' * 64}", "f", "--checksum needs exactly one source"),
        ("", "{url}/missing", "/missing with status 404"),
        ("", "{url}/", "cannot determine filename for source"),
        ("", "{inside}/f", "inside this network, where a build may not lead to"),
        ("", "{url}/inside", "by plain http"),
        ("", "{url}/loop", "more than 3 redirects"),
        ("", "{url}/file", "only https is followed"),
        ("", "http://169.254.169.254/latest", "inside this network"),
        ("", "http://[::ffff:127.0.0.1]/x", "inside this network"),
        ("", "http://me:secret@localhost/x", "an address with a user in it"),
        ("", "https://", "is no http or https address"),
        ("", "git@localhost:a/b.git", "only https://HOST/PATH.git is supported"),
        ("", "ssh://localhost/b.git", "only https://HOST/PATH.git is supported"),
        ("", "{url}/git/none.git", "failed to fetch"),
        ("", "{inside}/git/none.git", "inside this network"),
        ("", "{url}/git/none.git#--upload-pack=x", "is no branch, tag or commit of git"),
        ("", "{url}/git/none.git#main:../x", "forbidden path outside the build context"),
    ],
)
def test_what_cannot_be_added(flags: str, sources: str, message: str, builder: BuilderProcess, web: Web) -> None:
    inside = web.url.replace("localhost", "127.0.0.1")
    web.answers |= {
        "/": (200, {}, b"x"),
        "/f": (200, {}, b"x"),
        "/loop": (302, {"Location": "/loop"}, b""),
        "/inside": (302, {"Location": f"{inside}/f"}, b""),
        "/file": (302, {"Location": "file:///etc/passwd"}, b""),
    }
    built = builder.build(f"FROM bb:1\nADD {flags} {sources.format(url=web.url, inside=inside)} /x/\n", {"f": "x"})
    assert message in built["error"]
    assert built["class"] in ("Invalid", "Denied", "Unsupported")


def test_copy_takes_no_address(builder: BuilderProcess, web: Web) -> None:
    assert builder.build(f"FROM bb:1\nCOPY {web.url}/f /x\n")["error"] == "COPY failed: source can't be a URL for COPY"


def test_a_repository_is_added_at_a_branch_tag_or_commit(builder: BuilderProcess, web: Web) -> None:
    first, _ = web.repository(
        "r.git",
        [{"f": "one\n", "d/g": "in d\n", ".gitattributes": "f export-ignore\n", "l": "->/etc/passwd"}, {"f": "two\n"}],
    )
    url = f"{web.url}/git/r.git"
    lines = "\n".join(
        f"ADD {url}{ref} /{name}"
        for name, ref in {"head": "", "tag": "#v1", "branch": "#main", "commit": f"#{first}", "dir": "#v1:d"}.items()
    )
    built = builder.build(f"FROM bb:1\n{lines}\n")
    found = builder.files(built["id"], "")
    texts = {name: entry[3] for name, entry in found.items() if name.endswith(("/f", "/g"))}
    assert texts == {
        "head/f": "two\n", "tag/f": "one\n", "branch/f": "two\n", "commit/f": "one\n", "dir/g": "in d\n",
        "head/d/g": "in d\n", "tag/d/g": "in d\n", "branch/d/g": "in d\n", "commit/d/g": "in d\n",
    }  # fmt: skip
    assert found["head/l"][3] == "/etc/passwd"
    assert not any(".git/" in name for name in found)
    assert found["head/f"][0] == "-rw-r--r--"


def test_a_repository_can_keep_its_git_directory(builder: BuilderProcess, web: Web, tmp_path: Path) -> None:
    web.repository("k.git", [{"f": "one\n"}])
    built = builder.build(f"FROM bb:1\nADD --keep-git-dir=true {web.url}/git/k.git /k\n")
    found = builder.files(built["id"], "k")
    assert "k/.git/HEAD" in found
    assert not any("hooks" in name or "FETCH_HEAD" in name for name in found)
    head = run_git(web.repositories / "k.git", "rev-parse", "HEAD")
    assert found["k/.git/HEAD"][3].strip() == head


def test_hooks_and_submodules_of_a_repository_do_nothing(builder: BuilderProcess, web: Web, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    hook = f"#!/bin/sh\ntouch {canary}\n"
    module = '[submodule "s"]\n\tpath = s\n\turl = file:///etc\n\tupdate = !touch ' + str(canary) + "\n"
    web.repository("h.git", [{".gitmodules": module, "hooks/post-checkout": hook, "x/post-checkout": hook}])
    (web.repositories / "h.git" / "hooks" / "post-checkout").chmod(0o755)
    built = builder.build(f"FROM bb:1\nADD {web.url}/git/h.git /h\n")
    assert "h/.gitmodules" in builder.files(built["id"], "h")
    assert not canary.exists()


def test_a_build_from_a_tar_a_dockerfile_and_a_repository(builder: BuilderProcess, web: Web) -> None:
    text = f"FROM bb:1\nENV A={builder.token}\n"
    web.answers["/c.tar.gz"] = (200, {}, tar_with({"Dockerfile": text + "COPY f /f\n", "f": "tar"}, mode="w:gz"))
    web.answers["/Dockerfile"] = (200, {}, text.encode())
    web.repository("b.git", [{"sub/Dockerfile": text + "COPY f /f\n", "sub/f": "git"}])
    by_tar = builder.build("", remote=f"{web.url}/c.tar.gz")
    assert builder.files(by_tar["id"], "")["f"][3] == "tar"
    by_text = builder.build("", remote=f"{web.url}/Dockerfile")
    assert f"A={builder.token}" in by_text["env"]
    by_git = builder.build("", remote=f"{web.url}/git/b.git#main:sub")
    assert builder.files(by_git["id"], "")["f"][3] == "git"


@pytest.mark.parametrize(
    "remote", ["/etc/passwd", "file:///etc/passwd", "ftp://localhost/x", "nonsense", "http://127.0.0.1:9/x"]
)
def test_a_remote_that_cannot_be(remote: str, builder: BuilderProcess) -> None:
    assert builder.build("", remote=remote)["class"] in ("Invalid", "Unsupported", "Denied")
