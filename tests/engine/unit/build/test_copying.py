import os
import tarfile
from pathlib import Path

import pytest

from engine.build.copying import Archive, Files, Ownership, copy_plan, directory_plan, is_archive, tar_of
from engine.build.file_modes import ModeChange
from engine.build.rootfs import Rootfs
from engine.build.sources import Inline, Source, digest_of, select_sources
from engine.build.tree import Tree, text_of
from engine.host.archive import Kind
from engine.model.errors import Invalid
from tests.engine.unit.build.tars import Made, context_of, link, tar_with


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    root = tmp_path / "rootfs"
    for directory in ("bin", "etc", "real/sub"):
        (root / directory).mkdir(parents=True)
    (root / "etc/passwd").write_text("root")
    (root / "bin/tool").write_text("tool")
    (root / "lnk").symlink_to("/real")
    (root / "dangling").symlink_to("/nowhere/x")
    (root / "out").symlink_to("../../../../../..")
    return root


def placed(sources: list[Source], destination: str, rootfs: Path) -> list[str]:
    """Names of the entries, directories with a slash."""
    (files,) = copy_plan(sources, destination, rootfs=Rootfs(rootfs), ownership=Ownership(), unpacks_archives=False)
    assert isinstance(files, Files)
    return [text_of(one.entry.name) + ("/" if one.entry.kind is Kind.DIRECTORY else "") for one in files.entries]


def chosen(tree: Tree, *texts: str) -> list[Source]:
    return select_sources(tree, texts, missing=lambda path: f"stat {path}")


FILES: dict[str, Made] = {
    "f1": "1", "f2": "22", "d/x": "x", "d/sub/y": "y", "a1/b/c": "c", "a2/b/c": "c", "ln": link("f1"), "dl": link("d"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "destination", "names"),
    [
        (["f1"], "/new", ["new"]),
        (["f1"], "/new/", ["new/", "new/f1"]),
        (["f1"], "/a/b/c", ["a/", "a/b/", "a/b/c"]),
        (["f1"], "/etc", ["etc/f1"]),
        (["f1"], "/etc/passwd", ["etc/passwd"]),
        (["f1"], "/", ["f1"]),
        (["/f1"], "/x", ["x"]),
        (["./d/../f1"], "/x", ["x"]),
        (["ln"], "/x/", ["x/", "x/ln"]),
        (["d"], "/x", ["x/", "x/sub/", "x/sub/y", "x/x"]),
        (["d/"], "/etc/", ["etc/sub/", "etc/sub/y", "etc/x"]),
        (["dl"], "/etc", ["etc/sub/", "etc/sub/y", "etc/x"]),
        (["d"], "/lnk", ["real/sub/", "real/sub/y", "real/x"]),
        (["f1"], "/lnk/", ["real/f1"]),
        (["f1"], "/lnk/sub", ["real/sub/f1"]),
        (["f1"], "/dangling", ["nowhere/", "nowhere/x"]),
        (["f1"], "/dangling/", ["nowhere/", "nowhere/x/", "nowhere/x/f1"]),
        (["f1"], "/out/x", ["x"]),
        (["f*"], "/x/", ["x/", "x/f1", "x/f2"]),
        (["f?", "d/x"], "/etc/", ["etc/f1", "etc/f2", "etc/x"]),
        (["a?/b/*"], "/x/", ["x/", "x/c", "x/c"]),
        (["d*"], "/x/", ["x/", "x/sub/", "x/sub/y", "x/x", "x/sub/", "x/sub/y", "x/x"]),
    ],
)
async def test_where_files_go(
    texts: list[str], destination: str, names: list[str], rootfs: Path, tmp_path: Path
) -> None:
    async with context_of(FILES, tmp_path) as context:
        assert placed(chosen(context, *texts), destination, rootfs) == names


async def test_copying_the_context_takes_all_of_it(rootfs: Path, tmp_path: Path) -> None:
    async with context_of({"b": "", "a/c": ""}, tmp_path) as context:
        assert placed(chosen(context, "."), "/x", rootfs) == ["x/", "x/a/", "x/a/c", "x/b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("missing", "stat missing"),
        ("d/missing", "stat d/missing"),
        ("f1/x", "stat f1/x"),
        ("../etc/passwd", "forbidden path outside the build context: ../etc/passwd ()"),
        ("d/../../x", "forbidden path outside the build context"),
        ("[", "syntax error in pattern"),
    ],
)
async def test_sources_that_are_not_there(text: str, message: str, tmp_path: Path) -> None:
    async with context_of(FILES, tmp_path) as context:
        with pytest.raises(Invalid) as refused:
            chosen(context, text)
        assert message in str(refused.value)


async def test_a_wildcard_may_match_nothing(tmp_path: Path) -> None:
    async with context_of(FILES, tmp_path) as context:
        assert chosen(context, "nothing*", "f1/*") == []


@pytest.mark.parametrize("destination", ["/etc/passwd/", "/bin/tool/x", "/etc/passwd/x/"])
async def test_a_file_cannot_hold_files(destination: str, rootfs: Path, tmp_path: Path) -> None:
    async with context_of(FILES, tmp_path) as context:
        with pytest.raises(Invalid, match="not a directory"):
            placed(chosen(context, "f1"), destination, rootfs)
        with pytest.raises(Invalid, match="not a directory"):
            placed(chosen(context, "d"), "/etc/passwd", rootfs)


async def test_owner_and_mode_are_those_asked_for(rootfs: Path, tmp_path: Path) -> None:
    async with context_of({"d/f": "1", "d/l": link("f")}, tmp_path) as context:
        (files,) = copy_plan(
            chosen(context, "d"),
            "/new",
            rootfs=Rootfs(rootfs),
            ownership=Ownership(3, 4, ModeChange("700"), 5),
            unpacks_archives=False,
        )
    assert isinstance(files, Files)
    assert [(one.entry.uid, one.entry.gid) for one in files.entries] == [(3, 4)] * 3
    assert [one.entry.mode for one in files.entries] == [0o755, 0o700, 0o644]


async def test_hard_links_stay_links(rootfs: Path, tmp_path: Path) -> None:
    async with context_of({"d/a": "same", "d/b": link("d/a", hard=True)}, tmp_path) as context:
        (files,) = copy_plan(
            chosen(context, "d"), "/n", rootfs=Rootfs(rootfs), ownership=Ownership(), unpacks_archives=False
        )
        assert isinstance(files, Files)
        stream = b"".join(tar_of(files))
    (tmp_path / "t").write_bytes(stream)
    with tarfile.open(tmp_path / "t") as archive:
        assert [(one.name, one.type, one.linkname) for one in archive] == [
            ("n", tarfile.DIRTYPE, ""),
            ("n/a", tarfile.REGTYPE, ""),
            ("n/b", tarfile.LNKTYPE, "n/a"),
        ]
        member = archive.extractfile("n/a")
        assert member is not None
        assert member.read() == b"same"


async def test_add_unpacks_archives_between_files(rootfs: Path, tmp_path: Path) -> None:
    files: dict[str, Made] = {
        "a.tar": tar_with({"x": "1"}),
        "b.tgz": tar_with({"x": "1"}, mode="w:gz"),
        "no.tar": "not a tar",
        "zip.gz": b"\x1f\x8b",
        "empty": "",
    }
    async with context_of(files, tmp_path) as context:
        sources = chosen(context, "a.tar", "b.tgz", "no.tar", "zip.gz", "empty")
        assert [is_archive(source) for source in sources] == [True, True, False, False, False]
        plan = copy_plan(sources, "/lnk/in/", rootfs=Rootfs(rootfs), ownership=Ownership(), unpacks_archives=True)
    archives = [part.directory for part in plan if isinstance(part, Archive)]
    assert archives == ["/real/in", "/real/in"]
    last = plan[-1]
    assert isinstance(last, Files)
    assert [one.entry.name for one in last.entries] == [
        b"real/in",
        b"real/in/no.tar",
        b"real/in/zip.gz",
        b"real/in/empty",
    ]


def test_workdir_makes_what_is_missing(rootfs: Path) -> None:
    made = directory_plan("/lnk/a/b", rootfs=Rootfs(rootfs), now_ns=0)
    assert [one.entry.name for one in made.entries] == [b"real/a", b"real/a/b"]
    assert directory_plan("/lnk/sub", rootfs=Rootfs(rootfs), now_ns=0).entries == ()


def test_another_images_files_can_be_chosen(rootfs: Path) -> None:
    os.link(rootfs / "bin/tool", rootfs / "bin/tool2")
    sources = chosen(Rootfs(rootfs), "lnk", "/bin/t*", "etc/passwd")
    assert [(source.name, source.node.path) for source in sources] == [
        ("lnk", "real"), ("tool", "bin/tool"), ("tool2", "bin/tool2"), ("passwd", "etc/passwd"),
    ]  # fmt: skip
    assert b"".join(sources[1].tree.content(sources[1].node)) == b"tool"
    assert sources[1].node.inode == sources[2].node.inode is not None
    with pytest.raises(Invalid):
        chosen(Rootfs(rootfs), "out/../etc/shadow-of-the-host")


async def digest(files: dict[str, Made], texts: list[str], spool: Path, *, mtime: int = 0) -> str:
    for made in files.values():
        if isinstance(made, tarfile.TarInfo):
            made.mtime = mtime
    async with context_of(files, spool) as context:
        return digest_of(chosen(context, *texts))


async def test_a_digest_covers_contents_names_and_modes_but_no_times(tmp_path: Path) -> None:
    base = await digest({"d/a": "1", "d/b": "2"}, ["d"], tmp_path)
    assert base.startswith("dir:")
    assert await digest({"d/a": "1", "d/b": "2"}, ["d"], tmp_path, mtime=99) == base
    assert await digest({"d/b": "2", "d/a": "1", "other": "x"}, ["d"], tmp_path) == base
    executable = tarfile.TarInfo()
    executable.mode = 0o755
    changed: list[dict[str, Made]] = [
        {"d/a": "1", "d/b": "3"},
        {"d/a": "1", "d/c": "2"},
        {"d/a": "1", "d/b": link("a")},
        {"d/a": "1", "d/b": "2", "d/c": None},
        {"d/a": "1", "d/b": executable},
    ]
    digests = {await digest(files, ["d"], tmp_path) for files in changed}
    assert len(digests | {base}) == 6


async def test_a_digest_says_what_was_chosen(tmp_path: Path) -> None:
    assert (await digest({"a": "1"}, ["a"], tmp_path)).startswith("file:")
    assert (await digest({"a": "1", "b": "1"}, ["a", "b"], tmp_path)).startswith("multi:")


def test_inline_files_are_sources() -> None:
    (source,) = select_sources(Inline({"EOF": b"hi"}), ["EOF"], missing=str)
    assert b"".join(source.tree.content(source.node)) == b"hi"
