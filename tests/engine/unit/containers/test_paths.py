"""Which file a client means by a path, and what it is to be called."""

import pytest

from engine.containers.paths import ContainerPath
from engine.model.errors import Invalid


@pytest.mark.parametrize(
    ("text", "directory", "base", "name"),
    [
        ("/a/b", "/a", "b", "b"),
        ("a/b", "/a", "b", "b"),
        ("/a/b/", "/a/b", "", "b"),
        ("/a/b/.", "/a/b", ".", "."),
        ("/a/b/./", "/a/b", ".", "."),
        ("/a//b/../c", "/a", "c", "c"),
        ("/../../etc", "/", "etc", "etc"),
        ("//etc", "/", "etc", "etc"),
        ("/", "/", "", "/"),
        ("..", "/", "", "/"),
        ("/.", "/", ".", "."),
        (".", "/", ".", "."),
    ],
)
def test_a_path_is_read_as_docker_reads_it(text: str, directory: str, base: str, name: str) -> None:
    path = ContainerPath.parse(text)
    assert (path.directory, path.base, path.name) == (directory, base, name)


@pytest.mark.parametrize("text", ["", "a\0b", "a" * 5000])
def test_a_path_that_no_file_can_have_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="path"):
        ContainerPath.parse(text)
