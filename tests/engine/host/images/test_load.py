"""Loading and saving images, through ``Images``, with real layers on disk."""

import asyncio
import bz2
import gzip
import io
import json
import lzma
import os
import tarfile

import pytest

from engine.images.removal import Deleted, Untagged
from engine.model.digest import Digest
from engine.model.errors import Invalid, Missing
from engine.model.platform import Platform
from engine.model.reference import Reference
from tests.engine.host.images.archives import (
    DockerArchive,
    busybox_layer,
    chunked,
    collected,
    file_capability,
    member,
    tar_of,
    tree,
)

pytestmark = pytest.mark.host


def nobody(_image_id):
    return []


async def test_an_archive_of_busybox_becomes_an_image_with_a_tag(engine):
    archive = DockerArchive([busybox_layer()])
    loaded = await engine.archives.load(chunked(archive.tar()))
    assert loaded == [Reference.parse("test/busybox:1")]
    image = engine.images.get("test/busybox:1")
    assert image.id.hex == archive.image_id
    assert image.config.cmd == ("sh",)
    assert image.config.entrypoint is None
    (diff,) = engine.layers.lowers(image.diff_ids)
    assert (diff / "bin/busybox").stat().st_nlink == 2
    assert os.readlink(diff / "bin/sh") == "busybox"
    assert (diff / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert image.size_bytes == (diff / "bin/busybox").stat().st_size


async def test_names_ids_and_prefixes_find_the_image(engine):
    archive = DockerArchive([busybox_layer()], tags=["docker.io/library/busybox:latest"])
    await engine.archives.load(chunked(archive.tar()))
    for name in ("busybox", "busybox:latest", archive.image_id, archive.image_id[:12], f"sha256:{archive.image_id}"):
        assert engine.images.get(name).id.hex == archive.image_id
    with pytest.raises(Missing, match=r"^No such image: nope:latest$"):
        engine.images.get("nope")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
async def test_a_compressed_archive_loads_like_a_plain_one(engine, pack):
    archive = DockerArchive([busybox_layer()])
    await engine.archives.load(chunked(pack(archive.tar())))
    assert engine.images.get("test/busybox:1").id.hex == archive.image_id


async def test_a_layer_that_is_a_symlink_to_another_is_that_layer(engine):
    layer = tar_of(member("a", b"1"))
    archive = DockerArchive([layer, tar_of(member("b", b"2")), layer])
    await engine.archives.load(chunked(archive.tar()))
    image = engine.images.get("test/busybox:1")
    assert [sorted(os.listdir(path)) for path in engine.layers.lowers(image.diff_ids)] == [["a"], ["b"], ["a"]]


async def test_save_and_load_elsewhere_gives_the_same_image(engine, tmp_path):
    archive = DockerArchive([busybox_layer(), tar_of(member("etc/motd", b"hello"))])
    await engine.archives.load(chunked(archive.tar()))
    before = engine.images.get("test/busybox:1")
    saved = await collected(engine.archives.save(["test/busybox:1"]))
    await engine.images.remove("test/busybox:1", in_use=nobody)
    assert engine.files() == []
    assert await engine.archives.load(chunked(saved)) == [Reference.parse("test/busybox:1")]
    assert engine.images.get("test/busybox:1") == before


async def test_a_saved_archive_without_its_docker_part_loads_as_an_oci_layout(engine):
    archive = DockerArchive([busybox_layer()])
    await engine.archives.load(chunked(archive.tar()))
    saved = await collected(engine.archives.save(["test/busybox:1"]))
    oci = tar_of(*[item for item in _members(saved) if item[0].name != "manifest.json"])
    await engine.images.remove("test/busybox:1", in_use=nobody)
    assert await engine.archives.load(chunked(oci)) == [Reference.parse("test/busybox:1")]


async def test_an_oci_blob_with_another_digest_is_refused(engine):
    await engine.archives.load(chunked(DockerArchive([busybox_layer()]).tar()))
    saved = await collected(engine.archives.save(["test/busybox:1"]))
    await engine.images.remove("test/busybox:1", in_use=nobody)
    other = gzip.compress(tar_of(member("evil", b"x")))
    members = [(info, other if data[:2] == b"\x1f\x8b" else data) for info, data in _members(saved)]
    with pytest.raises(Invalid, match="digest"):
        await engine.archives.load(chunked(tar_of(*[item for item in members if item[0].name != "manifest.json"])))
    assert engine.files() == []


async def test_a_layer_that_is_not_what_the_config_says_leaves_nothing(engine):
    archive = DockerArchive([busybox_layer()])
    forged = archive.tar().replace(b"#!/bin/sh", b"#!/bin/xx").replace(b"BusyBox", b"BuzyBox")
    assert forged != archive.tar()
    with pytest.raises(Invalid, match="diff id"):
        await engine.archives.load(chunked(forged))
    assert engine.images.list() == []
    assert engine.files() == []


@pytest.mark.parametrize("data", [b"", b"not a tar at all" * 100, tar_of(member("manifest.json", b"[{]"))])
async def test_what_is_no_archive_is_invalid(engine, data):
    with pytest.raises(Invalid):
        await engine.archives.load(chunked(data))
    assert engine.files() == []


async def test_removing_the_last_tag_deletes_image_and_layers(engine):
    archive = DockerArchive([busybox_layer()])
    await engine.archives.load(chunked(archive.tar()))
    removed = await engine.images.remove("test/busybox:1", in_use=nobody)
    diff_id = json.loads(archive.document)["rootfs"]["diff_ids"][0]
    assert removed == [Untagged("test/busybox:1"), Deleted(f"sha256:{archive.image_id}"), Deleted(diff_id)]
    assert engine.files() == []


async def test_a_layer_that_another_image_shares_stays(engine):
    base = busybox_layer()
    await engine.archives.load(chunked(DockerArchive([base], tags=["base"]).tar()))
    await engine.archives.load(chunked(DockerArchive([base, tar_of(member("x", b"1"))], tags=["more"]).tar()))
    await engine.images.remove("base", in_use=nobody)
    image = engine.images.get("more")
    assert all(path.is_dir() for path in engine.layers.lowers(image.diff_ids))


async def test_an_import_keeps_every_attribute_and_takes_changes(engine):
    layer = tar_of(
        member("./", kind=tarfile.DIRTYPE, mode=0o711),
        member("opt/", kind=tarfile.DIRTYPE, mode=0o2775, uid=7, gid=8),
        member("opt/tool", b"#!", mode=0o4755, uid=1000, gid=60_000, mtime=-5),
        member("opt/ping", b"!", pax_headers={"SCHILY.xattr.security.capability": file_capability().decode("latin-1")}),
        member("opt/" + "n" * 200, b"long"),
        member("null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3),
        member("pipe", kind=tarfile.FIFOTYPE),
    )
    image = await engine.archives.import_rootfs(
        chunked(layer),
        reference=Reference.parse("mine"),
        changes=('CMD ["a", "b"]', "ENV A=1 B='2 3'", "EXPOSE 80 90-91/udp", "WORKDIR /x", "LABEL k=v"),
        message="from a test",
        platform=Platform(),
    )
    assert engine.images.get("mine") == image
    assert image.config.cmd == ("a", "b")
    assert image.config.env == ("A=1", "B=2 3")
    assert sorted(map(str, image.config.exposed_ports)) == ["80/tcp", "90/udp", "91/udp"]
    assert engine.images.history(image)[0].comment == "from a test"
    (diff,) = engine.layers.lowers(image.diff_ids)
    assert diff.stat().st_mode & 0o7777 == 0o711
    assert (diff / "opt").stat().st_mode & 0o7777 == 0o2775
    tool = (diff / "opt/tool").stat()
    assert (tool.st_mode & 0o7777, tool.st_uid, tool.st_gid, tool.st_mtime) == (0o4755, 1000, 60_000, -5)
    assert os.getxattr(diff / "opt/ping", "security.capability") == file_capability()
    assert (diff / "null").stat().st_rdev == os.makedev(1, 3)
    assert (diff / ("opt/" + "n" * 200)).read_bytes() == b"long"
    assert engine.layers.max_id(image.diff_ids) == 60_000


async def test_a_directory_that_no_entry_describes_looks_like_the_one_below(engine):
    await engine.archives.load(chunked(DockerArchive([busybox_layer(), tar_of(member("tmp/x", b"1"))]).tar()))
    upper, _ = engine.layers.lowers(engine.images.get("test/busybox:1").diff_ids)
    assert (upper / "tmp").stat().st_mode & 0o7777 == 0o1777


async def test_whiteouts_become_those_of_overlayfs(engine):
    layer = tar_of(
        member("d/", kind=tarfile.DIRTYPE),
        member("d/.wh..wh..opq"),
        member("d/kept", b"1"),
        member(".wh.gone"),
        member(".wh.new"),
        member("new/file", b"2"),
        member(".wh..wh.plnk/1"),
    )
    image = await engine.archives.import_rootfs(chunked(layer), reference=None)
    (diff,) = engine.layers.lowers(image.diff_ids)
    assert sorted(os.listdir(diff)) == ["d", "gone", "new"]
    assert (diff / "gone").is_char_device()
    assert (diff / "gone").stat().st_rdev == 0
    assert os.getxattr(diff / "d", "trusted.overlay.opaque") == b"y"
    assert os.getxattr(diff / "new", "trusted.overlay.opaque") == b"y"


async def test_a_client_that_goes_away_leaves_nothing(engine):
    async def half():
        yield DockerArchive([busybox_layer()]).tar()[:100_000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await engine.archives.load(half())
    assert engine.files() == []


async def test_an_archive_with_one_bad_layer_leaves_none_of_the_good_ones(engine):
    good, bad = busybox_layer(), tar_of(member("x", b"what it says"))
    archive = DockerArchive([good, bad]).tar()
    with pytest.raises(Invalid, match="diff id"):
        await engine.archives.load(chunked(archive.replace(b"what it says", b"what it hids")))
    assert engine.files() == []
    assert engine.state.layers() == []


async def test_a_cancelled_load_leaves_nothing(engine):
    reached = asyncio.Event()

    async def stalled():
        data = DockerArchive([busybox_layer(), tar_of(member("x", b"1"))]).tar()
        yield data[:-3000]
        reached.set()
        await asyncio.Event().wait()

    loading = asyncio.create_task(engine.archives.load(stalled()))
    await reached.wait()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert engine.files() == []


async def test_images_are_there_again_after_a_restart(engine):
    await engine.archives.load(chunked(DockerArchive([busybox_layer()]).tar()))
    image = engine.images.get("test/busybox:1")
    again = engine.restart()
    await again.images.sweep()
    assert again.images.get("test/busybox:1") == image
    assert tree(again.layers.lowers(image.diff_ids)[0])
    again.state.close()


async def test_load_is_told_as_an_event_with_the_labels(engine):
    archive = DockerArchive([busybox_layer()], config={"Labels": {"a": "b"}})
    await engine.archives.load(chunked(archive.tar()))
    (event,) = engine.events.recent()
    assert (event.kind, event.action, event.actor_id) == ("image", "load", str(Digest(archive.image_id)))
    assert event.attributes == {"a": "b", "name": str(Digest(archive.image_id))}


def _members(archive: bytes):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return [(info, file.read() if (file := tar.extractfile(info)) else b"") for info in tar]


async def test_clients_that_send_slowly_keep_no_other_from_loading(engine):
    gate = asyncio.Event()

    async def slowly(number):
        data = DockerArchive([busybox_layer(), tar_of(member(f"of-{number}", b"x" * 100_000))], tags=[f"slow:{number}"])
        half = data.tar().index(b"x" * 1000)
        yield data.tar()[:half]
        await gate.wait()
        yield data.tar()[half:]

    slow = [asyncio.create_task(engine.archives.load(slowly(number))) for number in range(4)]
    async with asyncio.timeout(20):
        await engine.archives.load(chunked(DockerArchive([tar_of(member("quick"))], tags=["quick:1"]).tar()))
        gate.set()
        await asyncio.gather(*slow)
    assert [str(name) for name in engine.images.names()] == [
        "docker.io/library/quick:1",
        *(f"docker.io/library/slow:{number}" for number in range(4)),
    ]
    assert list((engine.root / "tmp").iterdir()) == []


async def test_a_layer_that_is_damaged_late_leaves_nothing_of_what_was_unpacked_ahead(engine):
    whole = tar_of(*(member(f"f{number}", b"1" * 5000) for number in range(200)))
    archive = DockerArchive([busybox_layer(), whole[:-300_000] + b"no header" * 100])
    with pytest.raises(Invalid):
        await engine.archives.load(chunked(archive.tar()))
    assert engine.files() == []
