"""What else a build is told, where it went wrong, and how long its steps took."""

from typing import Any

import pytest

from console.images.again import build_again
from console.images.bases import base_images
from console.images.build_errors import error_line
from console.images.build_options import BuildOptions
from console.images.cli import build_command
from console.images.git import checked_source
from console.images.jobs import _options, _show_step
from console.images.operations import build_image
from console.jobs.progress import Board, bounded, timed_steps
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from tests.factories.console import make_image, make_job, make_secret, make_workspace

DOCKERFILE = "FROM scratch\nCOPY a /\nRUN make \\\n  all\n"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"tags": ["Not A Tag"]}, "tags"),
        ({"tags": ["a:1"] * 51}, "tags"),
        ({"build_args": {"1A": "x"}}, "build_args"),
        ({"build_args": {"A": "x\0"}}, "build_args"),
        ({"labels": {"naru.job": "7"}}, "labels"),
        ({"labels": {"a b": "x"}}, "labels"),
        ({"target": "--privileged"}, "target"),
        ({"platform": "linux"}, "platform"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        BuildOptions(**options).checked()
    assert caught.value.field == field


def test_an_engine_is_told_in_docker_s_words() -> None:
    args = {"tag": "a:1", **BuildOptions(["b"], {"V": "1"}, {"x.y": "z"}, "base", "linux/arm64", True, True).checked()}
    assert _options(args) == {
        "t": ["a:1", "b:latest"],
        "buildargs": '{"V": "1"}',
        "labels": '{"x.y": "z"}',
        "target": "base",
        "platform": "linux/arm64",
        "nocache": "1",
        "pull": "1",
    }
    assert build_command(args).startswith("docker build -t a:1 -t b:latest --build-arg V=1 --label x.y=z --target base")
    assert _options({"tag": "a:1"}) == {"t": "a:1"}


@pytest.mark.django_db
def test_further_tags_are_taken_from_nobody(admin: Actor) -> None:
    make_image("web:1", workspace=make_workspace("depot"))
    with pytest.raises(Conflict):
        build_image(admin, "local", tag="a:1", dockerfile=DOCKERFILE, options=BuildOptions(tags=["web:1"]))


def test_a_build_argument_stands_before_the_dockerfile_s_own() -> None:
    dockerfile = "ARG BASE=fine:1\nFROM $BASE\n"
    assert base_images(dockerfile) == ["fine:1"]
    assert base_images(dockerfile, {"BASE": "secret:1"}) == ["secret:1"]
    assert base_images("ARG BASE\nFROM $BASE\n", {"BASE": "secret:1"}) == ["secret:1"]
    assert base_images(dockerfile, {"OTHER": "secret:1"}) == ["fine:1"]


@pytest.mark.django_db
def test_rules_judge_what_build_arguments_name(admin: Actor) -> None:
    make_workspace("shop", registries=["fine.example"])
    given: dict[str, Any] = {"tag": "a:1", "workspace": "shop", "dockerfile": "ARG BASE=fine.example/a:1\nFROM $BASE\n"}
    build_image(admin, "local", **given)
    with pytest.raises(Denied, match=r"evil\.example"):
        build_image(admin, "local", **given, options=BuildOptions(build_args={"BASE": "evil.example/a:1"}))


# --- repositories ---


@pytest.mark.parametrize(
    ("git", "field"),
    [
        ({"url": "git@git.example:a.git"}, "git_url"),
        ({"url": "ssh://git.example/a.git"}, "git_url"),
        ({"url": "file:///etc"}, "git_url"),
        ({"url": "https://kim:canary@git.example/a.git"}, "git_url"),
        ({"url": "--upload-pack=x"}, "git_url"),
        ({"url": "https://git.example/a.git", "ref": "--upload-pack=x"}, "git_ref"),
        ({"url": "https://git.example/a.git", "ref": "a..b"}, "git_ref"),
        ({"url": "https://git.example/a.git", "directory": "../x"}, "git_directory"),
        ({"url": "https://git.example/a.git", "directory": "a:b"}, "git_directory"),
    ],
)
def test_a_repository_that_is_none_is_named(git: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_source(git["url"], ref=git.get("ref", ""), directory=git.get("directory", ""))
    assert caught.value.field == field
    assert "canary" not in str(caught.value)


@pytest.mark.django_db
def test_a_repository_is_judged_where_its_dockerfile_is_seen(admin: Actor) -> None:
    make_secret("git-token", "canary-of-git")
    own = make_image("a:1")
    make_workspace(registries=["fine.example"])
    git = {"url": "https://git.example/a.git", "username": "kim", "password": "secret:git-token"}
    job = build_image(admin, "local", tag="b:1", git=git)
    assert job.args["bases"] == {"registries": ["fine.example"], "own": [own.engine_id[:12]]}
    assert job.args["secrets"] == ["git-token"]
    assert "canary-of-git" not in str(job.args)
    with pytest.raises(Invalid) as caught:
        build_image(admin, "local", tag="b:1", git={**git, "password": "canary-itself"})
    assert caught.value.field == "git_password"


@pytest.mark.django_db
def test_an_earlier_build_fills_the_form_as_it_was() -> None:
    args = {
        "tag": "a:1",
        "tags": ["b:1"],
        "build_args": {"V": "1"},
        "no_cache": True,
        "git": {"url": "https://git.example/a.git", "ref": "main", "directory": ""},
        "dockerfile_path": "build/Dockerfile",
    }
    again = build_again(make_job(args=args))
    assert (again["source"], again["git_url"], again["git_ref"]) == ("git", "https://git.example/a.git", "main")
    assert (again["tags"], again["build_args"], again["no_cache"]) == ("b:1", "V=1", True)
    assert again["git_dockerfile"] == "build/Dockerfile"


# --- where it went wrong ---


@pytest.mark.parametrize(
    ("error", "what", "line"),
    [
        ("dockerfile parse error line 2: unknown instruction: COPPY", "", 2),
        ("dockerfile parse error on line 3: unknown flag", "", 3),
        ("Dockerfile:3: RUN make all\nreturned a non-zero code: 2", "", 3),
        ("The command '/bin/sh -c make all' returned a non-zero code: 2", "RUN make   all", 3),
        ("COPY failed: file not found", "COPY a /", 2),
        ("dockerfile parse error line 99: x", "", 0),
        ("no space left", "", 0),
        ("", "COPY a /", 0),
    ],
)
def test_an_error_is_found_on_its_line(error: str, what: str, line: int) -> None:
    assert error_line(DOCKERFILE, error, {"what": what}) == line


def test_of_lines_alike_the_one_under_way_is_meant() -> None:
    dockerfile = "FROM scratch\nCOPY a /a\nCOPY b /b\n"
    assert error_line(dockerfile, "COPY failed", {"what": "COPY b /b"}) == 3


# --- how long it took ---


def test_steps_are_timed_as_the_engine_tells_them() -> None:
    board = Board()
    for at, text in (
        (10.0, "Step 1/3 : FROM debian\n"),
        (10.5, " ---> 0123456789ab\n"),
        (12.0, "Step 2/3 : RUN make\n"),
        (12.0, " ---> Using cache\n"),
        (12.1, "Step 3/3 : CMD x\n"),
    ):
        _show_step(board, text, now_s=at)
    board.tick(13.1)
    steps = timed_steps(board.record())
    assert [(step.number, step.what, step.took_ms, step.is_cached) for step in steps] == [
        (1, "FROM debian", 2000, False),
        (2, "RUN make", 100, True),
        (3, "CMD x", 1000, False),
    ]
    assert {step.longest_ms for step in steps} == {2000}


def test_what_an_agent_says_of_times_is_cut_to_size() -> None:
    said = {"times": [[1, "x" * 500, -5, 9], ["a"], [2, None, 1e300, 0], *[[3, "y", 1, 0]] * 500]}
    record = bounded(said)
    assert record["times"][0] == [1, "x" * 100, 0, 1]
    assert len(record["times"]) <= 200
    assert timed_steps(record)
