"""The console's reading of files, on an engine of ours and on dockerd: both show the same things."""

import asyncio
import io
import tarfile
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest

from console.hosts import files
from console.hosts.files import Change, Directory, File
from console.hosts.gateway import Engine, connect
from console.operations.errors import Invalid, Missing
from tests.conformance.client import Client, until
from tests.conformance.conftest import IMAGE

pytestmark = [pytest.mark.conformance, pytest.mark.host]
T = TypeVar("T")

CONTENT = r"""
mkdir -p /d/sub/deep /w; echo 12345 > /d/file; ln -s /etc/conf /d/link; mkfifo /d/pipe; chmod 640 /d/file
echo x > "$(printf '/d/b\377d')"; echo x > '/d/a b&c=d%20?'; echo old > /etc/conf; ln -s /d /to; rm /bin/vi
echo up; sleep 1000
"""


class Asked:
    """A container ``viewed`` on one engine, by the gateway."""

    def __init__(self, client: Client) -> None:
        self.address = f"unix://{client.path}"

    def do(self, work: Callable[[Engine], Awaitable[T]]) -> T:
        async def run() -> T:
            async with connect(self.address) as engine:
                return await work(engine)

        return asyncio.run(run())

    def listed(self, path: str) -> Directory:
        return self.do(lambda engine: files.list_directory(engine, "viewed", path))

    def read(self, path: str, limit_bytes: int = 100) -> files.Piece:
        return self.do(lambda engine: files.read_piece(engine, "viewed", path, limit_bytes=limit_bytes))

    def changes(self) -> dict[str, Change]:
        found = self.do(lambda engine: files.list_changes(engine, "viewed"))
        return {change.path: change for change in found.changes}


@pytest.fixture(scope="module", params=["ours", "dockers"])
def asked(request: pytest.FixtureRequest) -> Iterator[Asked]:
    client: Client = request.getfixturevalue(request.param)
    config = {"Cmd": ["sh", "-c", CONTENT], "HostConfig": {"NetworkMode": "none"}}
    client.create("viewed", config)
    client.ask("POST", "/containers/viewed/start")
    until(lambda: b"up" in client.ask("GET", "/containers/viewed/logs?stdout=1").body)
    yield Asked(client)
    client.ask("DELETE", "/containers/viewed?force=1")


def test_a_directory_is_listed(asked: Asked) -> None:
    listed = asked.listed("/d")
    found = {file.name: file for file in listed.files}
    assert listed.is_whole
    assert list(found) == sorted(["a b&c=d%20?", "b\udcffd", "file", "link", "pipe", "sub"])
    one = found["file"]
    assert (one.kind, one.mode, one.size_bytes, one.uid, one.gid) == ("file", 0o640, 6, 0, 0)
    assert (found["link"].kind, found["link"].target) == ("link", "/etc/conf")
    assert (found["pipe"].kind, found["sub"].kind) == ("fifo", "directory")
    assert one.modified_at is not None


def test_the_root_and_what_links_lead_to_are_listed(asked: Asked) -> None:
    names = [file.name for file in asked.listed("/").files]
    assert {"bin", "d", "etc", "to"} <= set(names)
    assert "file" not in names
    assert asked.listed("/to") == Directory("/to", asked.listed("/d").files, 6)


def test_a_directory_that_is_too_much_to_read_says_so(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "READ_BYTES", 100_000)
    is_own = asked.do(files.is_own)
    listed = asked.listed("/")
    assert listed.is_whole is is_own
    assert (listed.total is None) is not is_own


@pytest.mark.parametrize(("path", "error"), [("/nothing", Missing), ("/d/file", Invalid)])
def test_what_is_no_directory_is_not_listed(asked: Asked, path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        asked.listed(path)


def test_a_file_is_read_up_to_a_limit(asked: Asked) -> None:
    piece = asked.read("/d/file", 3)
    assert (piece.content, piece.file.size_bytes, piece.is_whole) == (b"123", 6, False)
    assert asked.read("/d/file").is_whole
    if asked.do(files.is_own):
        # dockerd gives an empty archive for it
        assert asked.read("/d/b\udcffd").content == b"x\n"
    assert asked.read("/d/a b&c=d%20?").content == b"x\n"
    # a link is followed, inside the container
    assert asked.read("/d/link").content == b"old\n"


@pytest.mark.parametrize(("path", "error"), [("/nothing", Missing), ("/d", Invalid), ("/d/pipe", Invalid)])
def test_what_is_no_file_is_not_read(asked: Asked, path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        asked.read(path)


def test_what_the_image_has_is_read_and_nothing_stays(asked: Asked) -> None:
    async def read(engine: Engine, path: str) -> files.Piece:
        return await files.read_piece_of_image(engine, "viewed", path, image=IMAGE, limit_bytes=8)

    assert asked.do(lambda engine: read(engine, "/bin/busybox")).content[:4] == b"\x7fELF"
    with pytest.raises(Missing):
        asked.do(lambda engine: read(engine, "/d/file"))
    names = [fact.name for fact in asked.do(lambda engine: engine.containers())]
    assert "viewed" in names
    assert asked.do(lambda engine: labelled(engine)) == []


async def labelled(engine: Engine) -> list[Any]:
    return await engine.json('containers/json?all=1&filters={"label":["naru.peek"]}') or []


def test_what_a_crash_left_of_looking_is_swept(asked: Asked) -> None:
    async def sweep(engine: Engine) -> tuple[int, int]:
        body = {"Image": IMAGE, "Cmd": ["-"], "Labels": {"naru.peek": "1"}}
        await engine.json("containers/create", "POST", body=body)
        fresh = {"Image": IMAGE, "Cmd": ["-"], "Labels": {"naru.peek": "99999999999"}}
        kept = await engine.json("containers/create", "POST", body=fresh)
        seen = [fact for fact in await engine.containers() if "naru.peek" in fact.labels]
        swept = await files.sweep_peeks(engine)
        await engine.remove_container(kept["Id"], force=True)
        return len(seen), swept

    assert asked.do(sweep) == (0, 1)


def test_changes_are_told_with_sizes(asked: Asked) -> None:
    found = asked.changes()
    assert (found["/d/file"].kind, found["/d/file"].size_bytes) == ("added", 6)
    assert (found["/etc"].kind, found["/bin/vi"].kind) == ("modified", "removed")
    assert found["/d"].file_kind == "directory"


def test_files_come_in_and_programs_of_the_container_run(asked: Asked) -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("new")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"new\n"))
    tar.seek(0)
    asked.do(lambda engine: files.put_archive(engine, "viewed", "/w", tar))
    assert asked.read("/w/new").content == b"new\n"
    assert asked.do(lambda engine: files.run_inside(engine, "viewed", ["mv", "-T", "--", "/w/new", "/w/-n"])) == (0, "")
    code, said = asked.do(lambda engine: files.run_inside(engine, "viewed", ["rm", "--", "/w/new"]))
    assert code == 1
    assert "No such file" in said
    assert [file.name for file in asked.listed("/w").files] == ["-n"]


def test_a_container_becomes_an_image(asked: Asked) -> None:
    async def freeze(engine: Engine) -> tuple[str, str | None]:
        made = await files.commit(
            engine,
            "viewed",
            repository="frozen",
            tag="1",
            comment="why",
            author="kim",
            changes=['CMD ["true"]', "ENV A=b"],
            pause=True,
            limit_s=60,
        )
        found = await engine.find_image_id("frozen:1")
        await engine.remove_image("frozen:1", force=True)
        return made, found

    made, found = asked.do(freeze)
    assert (made, len(made)) == (found, 64)


def test_a_told_file_is_what_the_header_says() -> None:
    told = files._told("eyJuYW1lIjoiYiIsInNpemUiOjMsIm1vZGUiOjEzNDIxODIzOSwibXRpbWUiOiIiLCJsaW5rVGFyZ2V0IjoiL2EifQ==")
    assert told == File("b", "link", 0o777, 3, None, target="/a")
