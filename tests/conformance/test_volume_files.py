"""The console's way to a volume's files, which Docker's API has no call for, on our engine and on dockerd."""

import io
import tarfile
from collections.abc import AsyncIterator

import pytest

from console.hosts.gateway import HELPER_IMAGE, Engine, connect
from console.hosts.volume_files import list_volume, read_volume, remove_helpers, write_volume
from console.hosts.wires import VolumeSpec, create_volume, get_volume, remove_volume
from console.operations.errors import Missing
from tests.conformance.client import Client

pytestmark = [pytest.mark.conformance, pytest.mark.host]
FILES = {"a.txt": b"one\n", "deep/er/b.bin": bytes(range(256)) * 700, "empty": b""}


@pytest.fixture(params=["ours", "dockers"])
def address(request: pytest.FixtureRequest) -> str:
    client: Client = request.getfixturevalue(request.param)
    return f"unix://{client.path}"


def tar_of(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime, entry.uid = len(content), 0o640, 1_700_000_000, 7
            tar.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return archive.getvalue()


async def pieces(data: bytes, size: int = 50_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def files_in(engine: Engine, volume: str) -> dict[str, bytes]:
    data = b"".join([chunk async for chunk in read_volume(engine, volume)])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {m.name.removeprefix("./"): tar.extractfile(m).read() for m in tar if m.isreg()}  # type: ignore[union-attr]


async def helpers(engine: Engine) -> list[str]:
    listed = await engine.json("containers/json", params={"all": 1}) or []
    return [entry["Id"] for entry in listed if entry["Image"] in (HELPER_IMAGE, f"docker.io/library/{HELPER_IMAGE}")]


async def test_files_written_into_a_volume_are_read_out_of_it(address: str) -> None:
    async with connect(address) as engine:
        await create_volume(engine, VolumeSpec("there-and-back"))
        await write_volume(engine, "there-and-back", pieces(tar_of(FILES)))
        assert await files_in(engine, "there-and-back") == FILES
        assert await helpers(engine) == []
        # nothing of ours keeps the volume
        await remove_volume(engine, "there-and-back")


async def test_a_listing_names_what_is_there_and_says_when_there_is_more(address: str) -> None:
    async with connect(address) as engine:
        await create_volume(engine, VolumeSpec("listed"))
        await write_volume(engine, "listed", pieces(tar_of(FILES)))
        whole = await list_volume(engine, "listed", most=100)
        by_path = {entry.path: entry for entry in whole.entries}
        assert by_path.keys() == {*FILES, "deep", "deep/er", "link"}
        assert whole.is_complete
        assert (by_path["a.txt"].kind, by_path["a.txt"].size_bytes, by_path["a.txt"].mode) == ("file", 4, "-rw-r-----")
        assert by_path["a.txt"].modified_s == 1_700_000_000
        assert (by_path["link"].kind, by_path["link"].target) == ("link", "/etc/passwd")
        part = await list_volume(engine, "listed", most=2)
        assert (len(part.entries), part.is_complete) == (2, False)
        assert await helpers(engine) == []


async def test_a_volume_that_is_not_there_is_not_made_by_looking(address: str) -> None:
    async with connect(address) as engine:
        with pytest.raises(Missing):
            await list_volume(engine, "nowhere", most=5)
        with pytest.raises(Missing):
            await get_volume(engine, "nowhere")
        await remove_helpers(engine, "nowhere")
