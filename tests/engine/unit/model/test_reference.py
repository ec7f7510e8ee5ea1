"""Image references parse as Docker's do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.digest import Digest
from engine.model.errors import Invalid
from engine.model.reference import Reference

HEX = "a" * 64


@pytest.mark.parametrize(
    ("text", "domain", "path", "tag", "familiar"),
    [
        ("busybox", "docker.io", "library/busybox", None, "busybox"),
        ("busybox:1.36", "docker.io", "library/busybox", "1.36", "busybox:1.36"),
        ("docker.io/busybox", "docker.io", "library/busybox", None, "busybox"),
        ("index.docker.io/library/busybox", "docker.io", "library/busybox", None, "busybox"),
        ("team/app", "docker.io", "team/app", None, "team/app"),
        ("localhost/app", "localhost", "app", None, "localhost/app"),
        ("localhost:5000/a/b/c:v1", "localhost:5000", "a/b/c", "v1", "localhost:5000/a/b/c:v1"),
        ("hub.example/app", "hub.example", "app", None, "hub.example/app"),
        ("[::1]:5000/app", "[::1]:5000", "app", None, "[::1]:5000/app"),
        ("a__b.c-d--e", "docker.io", "library/a__b.c-d--e", None, "a__b.c-d--e"),
    ],
)
def test_a_reference_is_normalised(text: str, domain: str, path: str, tag: str | None, familiar: str) -> None:
    reference = Reference.parse(text)
    assert (reference.domain, reference.path, reference.tag) == (domain, path, tag)
    assert reference.familiar == familiar


def test_a_digest_pins_a_reference() -> None:
    reference = Reference.parse(f"app:v1@sha256:{HEX}")
    assert reference.tag == "v1"
    assert reference.digest == Digest(HEX)
    assert str(reference) == f"docker.io/library/app:v1@sha256:{HEX}"


@pytest.mark.parametrize("text", ["Busybox", "team/App", "hub.example/Team/app"])
def test_capitals_in_a_name_are_refused_in_docker_s_words(text: str) -> None:
    with pytest.raises(Invalid, match="repository name must be lowercase"):
        Reference.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "a:",
        "a:-b",
        "-a",
        "a//b",
        "a/../b",
        "/a",
        "a/",
        "a b",
        "a\n",
        "a:tag\n",
        "a@",
        "a@sha256:12",
        "a@md5:" + HEX,
    ]
    + ["ａ", "a:" + "t" * 129, "a" * 256, "http://a/b", "a;b", "$(a)", "a__b___c"],
)
def test_a_malformed_reference_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Reference.parse(text)


@given(st.text(max_size=200))
def test_any_text_either_parses_and_reads_back_or_is_invalid(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except Invalid:
        return
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference
