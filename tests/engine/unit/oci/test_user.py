"""``--user`` against an image's passwd and group files, hostile ones included."""

import os
from pathlib import Path

import pytest

from engine.model.errors import Invalid
from engine.oci.user import User, resolve_user


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    passwd = "root:x:0:0:root:/root:/bin/sh\n\nbroken\nann:x:1000:1001:Ann:/home/ann:/bin/sh\n42:x:7:8::/odd:/bin/sh\n"
    (tmp_path / "etc" / "passwd").write_text(passwd)
    (tmp_path / "etc" / "group").write_text("root:x:0:\nann:x:1001:\nwheel:x:10:root,ann\nstaff:x:50:ann\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("", User(0, 0, (0, 10), "/root")),
        ("root", User(0, 0, (0, 10), "/root")),
        ("ann", User(1000, 1001, (1001, 10, 50), "/home/ann")),
        ("1000", User(1000, 1001, (1001, 10, 50), "/home/ann")),
        ("ann:wheel", User(1000, 10, (10,), "/home/ann")),
        ("ann:77", User(1000, 77, (77,), "/home/ann")),
        ("4242", User(4242, 0, (0,), "/")),
        ("4242:4343", User(4242, 4343, (4343,), "/")),
        ("42", User(7, 8, (8,), "/odd")),
    ],
)
def test_names_and_numbers_are_looked_up(rootfs: Path, text: str, user: User) -> None:
    assert resolve_user(text, rootfs=rootfs) == user


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bob", "unable to find user bob: no matching entries in passwd file"),
        ("ann:bobs", "unable to find group bobs: no matching entries in group file"),
        ("4294967295", "uids and gids must be in range 0-2147483647"),
    ],
)
def test_unknown_ones_are_refused_in_dockers_words(rootfs: Path, text: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        resolve_user(text, rootfs=rootfs)


def test_an_image_without_files_has_only_numbers(tmp_path: Path) -> None:
    assert resolve_user("", rootfs=tmp_path) == User(0, 0, (0,), "/root")
    assert resolve_user("5:6", rootfs=tmp_path) == User(5, 6, (6,), "/")


def test_a_link_stays_inside_the_image(rootfs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "passwd"
    outside.write_text("spy:x:1:1::/:/bin/sh\n")
    (rootfs / "etc" / "passwd").unlink()
    (rootfs / "etc" / "passwd").symlink_to(outside)
    with pytest.raises(Invalid, match="unable to find user spy"):
        resolve_user("spy", rootfs=rootfs)


def test_a_fifo_does_not_hang(rootfs: Path) -> None:
    (rootfs / "etc" / "group").unlink()
    os.mkfifo(rootfs / "etc" / "group")
    assert resolve_user("ann", rootfs=rootfs) == User(1000, 1001, (1001,), "/home/ann")


def test_an_endless_file_is_refused(rootfs: Path) -> None:
    with (rootfs / "etc" / "passwd").open("ab") as file:
        file.truncate(1 << 40)
    with pytest.raises(Invalid, match="larger than"):
        resolve_user("ann", rootfs=rootfs)
