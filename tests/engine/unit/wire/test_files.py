"""Files as clients are told of them."""

import base64
import json
import stat

import pytest

from engine.model.files import ChangeKind, FileChange, PathStat
from engine.wire.files import encode_changes, encode_path_stat, go_file_mode


@pytest.mark.parametrize(
    ("mode", "go"),
    [
        (stat.S_IFREG | 0o644, 0o644),
        (stat.S_IFDIR | 0o755, 1 << 31 | 0o755),
        (stat.S_IFDIR | 0o1777, 1 << 31 | 1 << 20 | 0o777),
        (stat.S_IFLNK | 0o777, 1 << 27 | 0o777),
        (stat.S_IFCHR | 0o666, 1 << 26 | 1 << 21 | 0o666),
        (stat.S_IFBLK | 0o660, 1 << 26 | 0o660),
        (stat.S_IFIFO | 0o600, 1 << 25 | 0o600),
        (stat.S_IFSOCK | 0o600, 1 << 24 | 0o600),
        (stat.S_IFREG | 0o6755, 1 << 23 | 1 << 22 | 0o755),
    ],
)
def test_a_mode_has_the_bits_of_go(mode: int, go: int) -> None:
    assert go_file_mode(mode) == go


def test_a_stat_header_is_base64_of_json_with_nanoseconds() -> None:
    found = PathStat("b", 3, stat.S_IFLNK | 0o777, 1_700_000_000_120_000_001, "/a")
    assert json.loads(base64.b64decode(encode_path_stat(found))) == {
        "name": "b",
        "size": 3,
        "mode": 1 << 27 | 0o777,
        "mtime": "2023-11-14T22:13:20.120000001Z",
        "linkTarget": "/a",
    }


def test_a_name_that_is_no_utf_8_is_still_json() -> None:
    found = PathStat(b"\xff".decode("utf-8", "surrogateescape"), 0, stat.S_IFREG, -(1 << 66))
    told = json.loads(base64.b64decode(encode_path_stat(found)))
    assert (told["name"], told["mtime"]) == ("\ufffd", "1970-01-01T00:00:00Z")


def test_no_changes_are_null_as_in_go() -> None:
    assert encode_changes([]) is None
    assert encode_changes([FileChange("/a", ChangeKind.DELETED)]) == [{"Path": "/a", "Kind": 2}]
