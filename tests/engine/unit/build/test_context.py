import tarfile
from pathlib import Path

import pytest

from engine.build.context import Context, received_context
from engine.build.dockerignore import Dockerignore
from engine.build.tree import find, walk
from engine.model.errors import EngineError, Invalid, TooLarge
from tests.engine.unit.build.tars import chunked, context_of, link, tar_with


def paths(context: Context) -> list[str]:
    return [node.path for node in walk(context, "")]


def content(context: Context, path: str) -> bytes:
    node = find(context, path)
    assert node is not None
    return b"".join(context.content(node))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
async def test_a_context_of_any_compression(mode: str, tmp_path: Path) -> None:
    data = tar_with({"a": "1", "d/b": "22" * 5000, "e": None}, mode=mode)
    async with received_context(chunked(data), spool_root=tmp_path) as context:
        assert paths(context) == ["a", "d", "d/b", "e"]
        assert content(context, "a") == b"1"
        assert content(context, "d/b") == b"22" * 5000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "data", [b"", b"hello world" * 100, b"\x1f\x8b\x08garbage", tar_with({"a": "x" * 5000})[:2000]]
)
async def test_what_is_no_whole_tar_is_invalid(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        async with received_context(chunked(data), spool_root=tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []


async def test_an_empty_context_says_so(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="build context is empty"):
        async with received_context(chunked(b""), spool_root=tmp_path):
            pass


async def test_a_bomb_is_too_large(tmp_path: Path) -> None:
    bomb = tar_with({"zeros": bytes(200 << 20)}, mode="w:gz")
    with pytest.raises(TooLarge, match="expands to more than"):
        async with received_context(chunked(bomb, 100_000), spool_root=tmp_path):
            pass


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/../x", "a/.."])
async def test_a_name_that_leads_out_is_invalid(name: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="leads out of it"):
        async with context_of({name: "x"}, tmp_path):
            pass


@pytest.mark.parametrize(
    ("files", "path", "found"),
    [
        ({"f": "1", "l": link("f")}, "l", "f"),
        ({"d/f": "1", "l": link("d")}, "l/f", "d/f"),
        ({"d/f": "1", "l": link("/d")}, "l/f", "d/f"),
        ({"d/f": "1", "l": link("../../d/./f")}, "l", "d/f"),
        ({"l": link("/etc/passwd")}, "l", None),
        ({"l": link("../../../etc/passwd")}, "l", None),
        ({"d/l": link("../f"), "f": "1"}, "d/l", "f"),
        ({"a": link("b"), "b": link("c"), "c": "1"}, "a", "c"),
    ],
)
async def test_symlinks_resolve_inside_the_context(
    files: dict[str, str | tarfile.TarInfo], path: str, found: str | None, tmp_path: Path
) -> None:
    async with context_of(files, tmp_path) as context:
        node = find(context, path)
        assert (node.path if node else None) == found


async def test_a_symlink_loop_is_invalid(tmp_path: Path) -> None:
    async with context_of({"a": link("b"), "b": link("a")}, tmp_path) as context:
        with pytest.raises(Invalid, match="too many levels of symbolic links"):
            find(context, "a")


async def test_hard_links_share_content_and_inode(tmp_path: Path) -> None:
    async with context_of({"a": "same", "b": link("a", hard=True)}, tmp_path) as context:
        first, second = context.lookup("a"), context.lookup("b")
        assert first is not None
        assert second is not None
        assert first.inode == second.inode is not None
        assert content(context, "b") == b"same"


async def test_a_hard_link_to_nothing_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is a hard link to 'etc/passwd'"):
        async with context_of({"b": link("/etc/passwd", hard=True)}, tmp_path):
            pass


async def test_later_entries_replace_earlier_ones(tmp_path: Path) -> None:
    data = tar_with({"a/b": "1", "c": "old"})[:-10240] + tar_with({"a": "file", "c": "new"})
    async with received_context(chunked(data), spool_root=tmp_path) as context:
        assert paths(context) == ["a", "c"]
        assert content(context, "c") == b"new"


async def test_something_below_a_file_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="not a directory"):
        async with context_of({"a": "file", "a/b": "1"}, tmp_path):
            pass


async def test_odd_names_are_only_keys(tmp_path: Path) -> None:
    files: dict[str, bytes | str | tarfile.TarInfo | None] = {"./a": "1", "//b": "2", "c//d": "3", "é\udcff": "4"}
    async with context_of(files, tmp_path) as context:
        assert paths(context) == ["a", "b", "c", "c/d", "é\udcff"]


async def test_dockerignore_hides_files_but_keeps_the_way_to_exceptions(tmp_path: Path) -> None:
    files: dict[str, str] = {"a": "", "d/keep": "", "d/drop": "", "n/m/x": "", "n/y": ""}
    async with context_of(files, tmp_path) as context:
        visible = context.without(Dockerignore.parse(b"a\nd\n!d/keep\n**/m\n"))
        assert paths(visible) == ["d", "d/keep", "n", "n/y"]
        assert content(visible, "d/keep") == b""
        assert len(paths(context)) == 8


async def test_reading_a_small_file_is_bounded(tmp_path: Path) -> None:
    async with context_of({"big": "x" * 100, "l": link("big")}, tmp_path) as context:
        assert context.read("l", at_most=100) == b"x" * 100
        assert context.read("none", at_most=1) is None
        with pytest.raises(TooLarge):
            context.read("big", at_most=99)


async def test_reading_is_given_up_when_the_client_goes(tmp_path: Path) -> None:
    async def breaking() -> object:
        yield b"abc"
        raise EngineError("gone")

    with pytest.raises(EngineError, match="gone"):
        async with received_context(breaking(), spool_root=tmp_path):  # type: ignore[arg-type]
            pass
    assert list(tmp_path.iterdir()) == []
