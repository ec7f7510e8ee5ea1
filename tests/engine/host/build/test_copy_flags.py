"""Flags of COPY and ADD with real layers."""

import pytest

from tests.engine.host.build.conftest import BuilderProcess

pytestmark = pytest.mark.host
FILES = {"d/a.txt": "a", "d/b.md": "b", "d/sub/c.txt": "c", "d/sub/d.md": "d", "e.txt": "e"}


def names(builder: BuilderProcess, image: str, below: str) -> list[str]:
    return [name for name, entry in builder.files(image, below).items() if entry[0].startswith("-")]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("COPY --exclude=*.txt d /x", ["x/b.md", "x/sub/c.txt", "x/sub/d.md"]),
        ("COPY --exclude=**/*.txt d /x", ["x/b.md", "x/sub/d.md"]),
        ("COPY --exclude=sub --exclude=*.md d /x", ["x/a.txt"]),
        ("COPY --exclude=e.* d e.txt /x/", ["x/a.txt", "x/b.md", "x/sub/c.txt", "x/sub/d.md"]),
        ("COPY --parents d/a.txt d/sub/c.txt /x", ["x/d/a.txt", "x/d/sub/c.txt"]),
        ("COPY --parents ./d/./sub/c.txt /x/", ["x/sub/c.txt"]),
        ("COPY --parents d/**/*.md /x/", ["x/d/b.md", "x/d/sub/d.md"]),
        ("COPY --parents d/sub /x", ["x/d/sub/c.txt", "x/d/sub/d.md"]),
        ("ADD --exclude=**/*.md d /x", ["x/a.txt", "x/sub/c.txt"]),
    ],
)
def test_which_files_are_copied(line: str, found: list[str], builder: BuilderProcess) -> None:
    built = builder.build(f"FROM bb:1\n{line}\n", FILES)
    assert names(builder, built["id"], "x") == found


def test_modes_in_words(builder: BuilderProcess) -> None:
    built = builder.build("FROM bb:1\nARG M=go-r\nCOPY --chmod=u=rwX,go=X d /x\nCOPY --chmod=$M e.txt /x/\n", FILES)
    found = builder.files(built["id"], "x")
    assert {name: found[name][0] for name in ("x/a.txt", "x/sub", "x/e.txt")} == {
        "x/a.txt": "-rw-------",
        "x/sub": "drwx--x--x",
        "x/e.txt": "-rw-------",
    }


def test_a_linked_copy_follows_no_symlink_of_the_image(builder: BuilderProcess) -> None:
    lines = f"RUN mkdir /real && chmod 700 /real && ln -s /real /l && echo {builder.token} > /real/f"
    built = builder.build(f"FROM bb:1\n{lines}\nCOPY --link e.txt /l/g\nCOPY --link e.txt /real/h\n", FILES)
    found = builder.files(built["id"], "")
    assert {name for name in found if name.startswith(("real", "l/")) or name == "l"} == {
        "l", "l/g", "real", "real/f", "real/h",
    }  # fmt: skip
    assert found["l"][0].startswith("d")
    assert found["real"][0] == "drwx------"


def test_an_unknown_mode_is_named_with_its_line(builder: BuilderProcess) -> None:
    built = builder.build("FROM bb:1\nCOPY --chmod=u+q e.txt /x\n", FILES)
    assert built["error"].startswith("dockerfile parse error line 2: invalid chmod parameter: 'u+q'")
