"""No way to write a Dockerfile hides which images it is built on."""

import pytest

from console.images.bases import base_images, registry_of
from console.operations.errors import Invalid


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM secret:1",
        "from secret:1 as x",
        "  FROM --platform=linux/amd64 secret:1",
        "FR\\\nOM secret:1",
        "FROM \\ \n  secret:1",
        "FROM \\\n# a comment\n  secret:1",
        "# escape=`\nFROM `\n secret:1",
        "RUN echo `\nFROM secret:1",
        "RUN echo \\\\\nFROM secret:1",
        "FROM scratch\nCOPY --from=secret:1 /a /a",
        "FROM scratch\nRUN --mount=type=bind,from=secret:1,target=/x true",
        'FROM scratch\nRUN --mount=type=bind,target=/x,"from=secret:1" true',
        "FROM scratch\nONBUILD COPY --from=secret:1 / /",
        "ONBUILD FROM secret:1",
        "ARG BASE=secret:1\nFROM $BASE",
        'ARG A=sec B="ret:1"\nFROM ${A}$B',
        'FROM "secret:1"',
        "FROM sec\\ret:1",
        "\ufeffFROM secret:1\r\n",
        "FROM secret:1 AS secret:1\nFROM scratch",
        "FROM scratch AS a\nFROM scratch AS b\nCOPY --from=secret:1 / /",
    ],
)
def test_it_is_found(dockerfile: str) -> None:
    assert "secret:1" in base_images(dockerfile)


def test_stages_and_nothing_are_no_images() -> None:
    assert base_images("FROM scratch AS a\nFROM a AS b\nCOPY --from=A / /\nCOPY --from=0 / /\n") == []
    # a stage has its name only from its line on
    assert base_images("FROM later\nFROM scratch AS later\n") == ["later"]


@pytest.mark.parametrize("dockerfile", ["ARG X\nFROM $X", "FROM ${X:-secret}", "ARG X=a\nARG X=b\nFROM $X"])
def test_a_name_that_cannot_be_known_is_refused(dockerfile: str) -> None:
    with pytest.raises(Invalid) as invalid:
        base_images(dockerfile)
    assert invalid.value.field == "dockerfile"


def test_other_words_are_left_alone() -> None:
    assert base_images("FROM scratch\nRUN curl http://x/?from=$DATE\nENV from=x\n") == []


def test_registries() -> None:
    names = ["busybox", "shop/web:1", "ghcr.io/a/b", "localhost/a", "localhost:5000/a:1"]
    assert [registry_of(name) for name in names] == ["docker.io", "docker.io", "ghcr.io", "localhost", "localhost:5000"]
