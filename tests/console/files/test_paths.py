"""Paths as people and addresses name them."""

import pytest

from console.files.paths import asked_path, clean_path, file_name, nameable, quoted, steps
from console.operations.errors import Invalid


@pytest.mark.parametrize(
    ("text", "path"),
    [("/", "/"), ("//etc//", "/etc"), ("/a/../../b/.", "/b"), ("/a b/ü", "/a b/ü"), ("/...", "/...")],
)
def test_a_path_is_cleaned(text: str, path: str) -> None:
    assert clean_path(text) == path


@pytest.mark.parametrize("text", ["", "etc", "/a\0b", "/" + "x" * 4096, "/\ud800"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        clean_path(text)
    assert refused.value.field == "path"


def test_a_name_of_any_bytes_goes_through_an_address_and_back() -> None:
    path = "/a&b=c%/\udcff\udcfe d+e"
    assert asked_path(f"x=1&path={quoted(path)}") == path
    with pytest.raises(Invalid):
        nameable(path)


def test_without_a_path_it_is_the_root() -> None:
    assert asked_path("") == asked_path("path=") == "/"


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a\0", "x" * 256, "\udcff", ".wh.gone"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        file_name(text, field="files")


def test_steps_lead_from_the_root() -> None:
    assert [(step.name, step.path) for step in steps("/a/b")] == [("/", "/"), ("a", "/a"), ("b", "/a/b")]
