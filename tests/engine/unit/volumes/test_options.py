"""What ``DriverOpts`` come to, and which are refused."""

import pytest

from engine.host import libc
from engine.model.errors import Invalid
from engine.volumes.options import MountOptions, parse_options


def test_no_options_are_a_directory_of_the_engines() -> None:
    assert parse_options(None) is None
    assert parse_options({}) is None


def test_words_are_told_apart_into_flags_and_data() -> None:
    options = parse_options({"type": "tmpfs", "device": "tmpfs", "o": "size=1m,ro,noexec,uid=5,exec,,nosuid"})
    assert options == MountOptions("tmpfs", "tmpfs", flags=libc.MS_RDONLY | libc.MS_NOSUID, data=("size=1m", "uid=5"))
    assert options.read_only


@pytest.mark.parametrize(("words", "is_recursive"), [("bind", False), ("rbind,ro", True)])
def test_a_bind_tells_the_path_of_the_host(words: str, is_recursive: bool) -> None:
    options = parse_options({"type": "none", "device": "//srv//data/", "o": words})
    assert options is not None
    assert (options.host_path, options.is_recursive, options.data) == ("/srv/data", is_recursive, ())


def test_only_the_network_has_servers() -> None:
    options = parse_options({"type": "nfs", "device": ":/export", "o": "addr=nas,rw,vers=4"})
    assert options is not None
    assert (options.address, options.data, options.host_path) == ("nas", ("addr=nas", "vers=4"), "")
    other = parse_options({"type": "tmpfs", "device": "tmpfs", "o": "addr=nas"})
    assert other is not None
    assert other.address == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"foo": "x"}, 'invalid option: "foo"'),
        ({"Type": "tmpfs", "device": "tmpfs"}, 'invalid option: "Type"'),
        ({"type": "tmpfs"}, 'missing required option: "device"'),
        ({"device": "tmpfs"}, 'missing required option: "type"'),
        ({"o": "ro"}, 'missing required option: "device"'),
        ({"type": "tmpfs", "device": ""}, 'missing required option: "device"'),
        ({"size": "1m"}, "quota size requested but no quota support"),
        ({"type": "none", "device": "rel", "o": "bind"}, "device: 'rel' must be an absolute path"),
        ({"type": "none", "device": "/a/../b", "o": "bind"}, "without .. for a bind"),
        ({"type": "none", "device": "/a\0b", "o": "bind"}, "DriverOpts: device: control character"),
        ({"type": "none", "device": "/a", "o": "bind,size=1"}, "'size=1' is not an option of a bind"),
        ({"type": "none", "device": "/a", "o": "remount,bind"}, "'remount' makes no mount"),
        ({"type": "none", "device": "/a", "o": "bind,rshared"}, "'rshared' makes no mount"),
        ({"type": "../x", "device": "/a"}, "type: '../x' names no file system"),
        ({"type": "tmpfs", "device": "tmpfs", "o": "a\nb"}, "DriverOpts: o: control character"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(options: dict[str, str], words: str) -> None:
    with pytest.raises(Invalid, match=words.replace(".", r"\.")):
        parse_options(options)
