"""What comes out of a commit: the files that a stack names, as texts, and nothing else."""

from pathlib import Path

import pytest

from console.operations.actor import Actor
from console.operations.errors import Conflict
from console.origins.operations import fetch_now
from console.stacks.compose.problems import ComposeInvalid
from console.stacks.models import Stack
from console.stacks.operations import change_stack, plan_stack
from tests.console.origins.conftest import TEXT, Pushed, carry_out, fetched, made, now
from tests.engine.host.build.web import Web, run_git
from tests.factories.console import make_secret

NAMING = """\
include: [sub/more.yaml]
services:
  web: {extends: {file: base.yaml, service: base}, env_file: [web.env], configs: [c], image: "${IMAGE}"}
configs: {c: {file: ./c.conf}}
"""
NAMED = {
    "compose.yaml": NAMING,
    ".env": "IMAGE=web:1\n",
    "base.yaml": "services: {base: {image: x}}\n",
    "web.env": "B=two\n",
    "c.conf": "conf\n",
    "sub/more.yaml": "services: {more: {image: y, env_file: ../more.env}}\n",
    "more.env": "M=1\n",
}


def test_what_files_name_comes_along_and_nothing_else(web: Web, url: str, push: Pushed, kim: Actor) -> None:
    commit = push({**NAMED, "README.md": "no", "secret.txt": "no"}, subject="first <b>light</b>")
    stack = fetched(made(kim, url, ref="main"))
    assert stack.files == NAMED
    assert (stack.commit["id"], stack.commit["subject"], stack.commit["author"]) == (commit, "first <b>light</b>", "t")
    origin = now(stack)
    assert (origin.trouble, origin.failures) == ("", 0)


def test_a_folder_of_it_may_be_the_stacks(url: str, push: Pushed, kim: Actor) -> None:
    files = {**NAMED, "sub/prod.yaml": "services: {web: {environment: {A: two}}}"}
    push({f"deploy/{name}": text for name, text in files.items()} | {"compose.yaml": "services: {a: {image: not}}"})
    stack = fetched(made(kim, url, paths=["deploy/compose.yaml", "deploy/sub/prod.yaml"]))
    assert stack.files == files
    assert (stack.paths, stack.commit["directory"]) == (["compose.yaml", "sub/prod.yaml"], "deploy")


def test_variables_of_the_console_go_before_those_of_the_repository(url: str, push: Pushed, kim: Actor) -> None:
    push(NAMED)
    stack = fetched(made(kim, url, variables={"IMAGE": "web:2"}))
    assert stack.variables == {"IMAGE": "web:2"}


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"compose.yaml": "services: {a: {imag: x}}"}, "imag"),
        ({"compose.yaml": "services: {a: {image: x, env_file: ../../etc/passwd}}"}, "no file"),
        ({"compose.yaml": "services: {a: {image: x, env_file: /etc/passwd}}"}, "no file"),
        ({"compose.yaml": f"# {'x' * (1 << 20)}\nservices: {{a: {{image: x}}}}"}, "too large"),
        ({"compose.yaml": TEXT, ".env": "A=\udcff"}, "no text"),
        (
            {"compose.yaml": "services: {a: {image: x, env_file: [big.env]}}", "big.env": "A=1\n" * (1 << 18)},
            "too large",
        ),
    ],
)
def test_what_cannot_be_a_stack_is_told_of_and_the_files_stay(
    web: Web, url: str, kim: Actor, files: dict[str, str], why: str
) -> None:
    stack = fetched(made(kim, url))
    path = web.repositories / "shop.git"
    for name, text in files.items():
        (path / name).write_bytes(text.encode(errors="surrogateescape"))
    run_git(path, "add", "-A")
    run_git(path, "commit", "-qm", "bad")
    assert carry_out(fetch_now(kim, stack.pk)).state == "failed"
    assert why in now(stack).trouble
    assert Stack.objects.get(pk=stack.pk).files == {"compose.yaml": TEXT}


def test_a_link_is_no_file(web: Web, url: str, kim: Actor, tmp_path: Path) -> None:
    path = web.repositories / "shop.git"
    (path / "compose.yaml").unlink()
    (path / "compose.yaml").symlink_to("/etc/passwd")
    run_git(path, "add", "-A")
    run_git(path, "commit", "-qm", "link")
    stack = fetched(made(kim, url))
    assert stack.files == {}
    assert "no file" in now(stack).trouble


def test_more_than_64_files_are_too_many(url: str, push: Pushed, kim: Actor) -> None:
    names = [f"{number}.env" for number in range(70)]
    push({"compose.yaml": f"services: {{a: {{image: x, env_file: [{', '.join(names)}]}}}}", **dict.fromkeys(names, "")})
    stack = fetched(made(kim, url))
    assert (stack.files, "64" in now(stack).trouble) == ({}, True)


def test_a_branch_that_is_gone_is_told_of(url: str, kim: Actor) -> None:
    stack = fetched(made(kim, url, ref="gone"))
    origin = now(stack)
    assert ("gone" in origin.trouble, origin.failures, origin.next_at is not None) == (True, 1, True)


def test_a_password_goes_to_the_server_and_nowhere_else(web: Web, url: str, kim: Actor) -> None:
    make_secret("git-token", "canary-of-git")
    web.authorization = "Basic a2ltOmNhbmFyeS1vZi1naXQ="
    stack = made(kim, url, username="kim", password="secret:git-token")
    said: list[str] = []
    job = now(stack).job
    assert job is not None
    assert carry_out(job, said).state == "succeeded"
    assert "canary-of-git" not in f"{said} {job.args} {Stack.objects.get(pk=stack.pk).commit}"
    assert Stack.objects.get(pk=stack.pk).files == {"compose.yaml": TEXT}


def test_its_files_are_not_changed_by_hand(url: str, kim: Actor) -> None:
    stack = fetched(made(kim, url))
    with pytest.raises(Conflict, match="change them there"):
        change_stack(kim, stack.pk, files={"compose.yaml": TEXT})


def test_before_its_files_are_there_nothing_can_be_planned(url: str, kim: Actor, fake_host: object) -> None:
    stack = made(kim, url)
    with pytest.raises(ComposeInvalid):
        plan_stack(kim, stack.pk)
