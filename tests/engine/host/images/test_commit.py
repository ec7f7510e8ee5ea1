"""Turning an overlay's upper directory into a layer. The overlay is real, in a mount namespace of its own."""

import os
import subprocess
import tarfile

import pytest

from engine.host.archive_write import TarWriter, write_layer
from tests.engine.host.images.archives import busybox_layer, chunked, file_capability, member, tar_of, tree

pytestmark = pytest.mark.host

BASE = tar_of(
    member("etc/", kind=tarfile.DIRTYPE),
    member("etc/passwd", b"root"),
    member("etc/gone", b"x"),
    member("var/", kind=tarfile.DIRTYPE),
    member("var/old/", kind=tarfile.DIRTYPE),
    member("var/old/file", b"x"),
    member("tmp/", kind=tarfile.DIRTYPE, mode=0o1777),
    member("srv/", kind=tarfile.DIRTYPE),
    member("srv/data", b"1"),
)

CHANGES = """
cd "$MERGED"
echo more >> etc/passwd
rm etc/gone
rm -r var/old && mkdir var/old && echo new > var/old/other
rm -r srv
mkdir -p opt/deep/er && echo 1 > opt/deep/er/one && ln opt/deep/er/one opt/two && ln -s two opt/three
mknod opt/null c 1 3 && mkfifo opt/pipe
chown 1000:60000 opt/two && chmod 4755 opt/two
setfattr -n user.note -v hi opt/pipe 2>/dev/null || true
touch -d '2001-02-03 04:05:06' "opt/$(printf 'n%.0s' $(seq 150))"
printf 'x' > "opt/name with \\\\ and ünïcode"
"""


async def imported(engine, data=BASE):
    return await engine.archives.import_rootfs(chunked(data), reference=None)


def change(tmp_path, lower, script):
    """Run ``script`` over an overlay of ``lower``; the upper directory, unmounted again."""
    places = {name: tmp_path / name for name in ("upper", "work", "merged")}
    for place in places.values():
        place.mkdir()
    options = (
        f"lowerdir={lower},upperdir={places['upper']},workdir={places['work']},redirect_dir=off,metacopy=off,index=off"
    )
    mount = f'set -eu; mount -t overlay -o "{options}" overlay "$MERGED"; {script}'
    environment = {**os.environ, "MERGED": str(places["merged"])}
    subprocess.run(["unshare", "--mount", "/bin/sh", "-c", mount], env=environment, check=True, timeout=20)
    return places["upper"]


async def test_a_committed_layer_unpacks_to_what_the_overlay_held(engine, tmp_path):
    image = await imported(engine)
    (lower,) = engine.layers.lowers(image.diff_ids)
    upper = change(tmp_path, lower, CHANGES)
    layer = await engine.layers.commit_upper(upper, parent_diff_ids=image.diff_ids)
    assert tree(engine.layers.lowers((*image.diff_ids, layer.diff_id))[0]) == tree(upper)


async def test_committing_twice_gives_the_same_layer(engine, tmp_path):
    image = await imported(engine)
    upper = change(tmp_path, engine.layers.lowers(image.diff_ids)[0], CHANGES)
    first = await engine.layers.commit_upper(upper, parent_diff_ids=image.diff_ids)
    assert await engine.layers.commit_upper(upper, parent_diff_ids=image.diff_ids) == first


async def test_what_the_runtime_makes_to_mount_upon_is_no_change(engine, tmp_path):
    image = await imported(engine)
    script = 'cd "$MERGED"; mkdir dev proc sys; touch etc/hosts etc/hostname etc/resolv.conf'
    upper = change(tmp_path, engine.layers.lowers(image.diff_ids)[0], script)
    assert await engine.layers.commit_upper(upper, parent_diff_ids=image.diff_ids) is None


async def test_a_directory_with_only_mount_points_stays_when_it_changed(engine, tmp_path):
    image = await imported(engine)
    script = 'cd "$MERGED"; touch etc/hosts; chmod 700 etc'
    upper = change(tmp_path, engine.layers.lowers(image.diff_ids)[0], script)
    layer = await engine.layers.commit_upper(upper, parent_diff_ids=image.diff_ids)
    diff = engine.layers.lowers((*image.diff_ids, layer.diff_id))[0]
    assert os.listdir(diff) == ["etc"]
    assert os.listdir(diff / "etc") == []
    assert (diff / "etc").stat().st_mode & 0o777 == 0o700


async def test_a_copied_tree_keeps_its_empty_dev_when_asked(engine, tmp_path):
    (tmp_path / "upper/dev").mkdir(parents=True)
    layer = await engine.layers.commit_upper(tmp_path / "upper", parent_diff_ids=(), skip_mount_points=False)
    assert os.listdir(engine.layers.lowers((layer.diff_id,))[0]) == ["dev"]


async def test_an_untouched_container_has_no_layer_to_commit(engine, tmp_path):
    (tmp_path / "upper").mkdir()
    assert await engine.layers.commit_upper(tmp_path / "upper", parent_diff_ids=()) is None
    assert engine.files() == []


async def test_attributes_survive_and_overlayfs_marks_do_not_leak(engine, tmp_path):
    upper = tmp_path / "upper"
    upper.mkdir()
    (upper / "ping").write_bytes(b"x")
    os.setxattr(upper / "ping", "security.capability", file_capability())
    os.setxattr(upper / "ping", "trusted.overlay.origin", b"x")
    chunks: list[bytes] = []
    write_layer(upper, TarWriter(chunks.append))
    assert b"trusted" not in b"".join(chunks)
    layer = await engine.layers.commit_upper(upper, parent_diff_ids=())
    diff = engine.layers.lowers((layer.diff_id,))[0]
    assert os.getxattr(diff / "ping", "security.capability") == file_capability()


async def test_the_standard_library_reads_what_we_write(engine, tmp_path):
    image = await imported(engine, busybox_layer())
    upper = change(tmp_path, engine.layers.lowers(image.diff_ids)[0], 'cd "$MERGED"; rm -r tmp')
    (upper / ("d" * 120)).mkdir()
    os.chown(upper / ("d" * 120), 3_000_000, 5)
    chunks: list[bytes] = []
    write_layer(upper, TarWriter(chunks.append))
    (tmp_path / "layer.tar").write_bytes(b"".join(chunks))
    with tarfile.open(tmp_path / "layer.tar") as tar:
        assert [(item.name, item.uid, item.gid) for item in tar] == [("d" * 120, 3_000_000, 5), (".wh.tmp", 0, 0)]
