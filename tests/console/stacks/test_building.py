"""Images that a deployment builds first: out of the stack's own files, or not at all, and then it says where."""

import tarfile
from typing import Any

import pytest

from console.jobs import blobs
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied
from console.operations.permissions import Permission
from console.stacks.compose.problems import ComposeInvalid
from console.stacks.operations import create_stack, deploy_stack, plan_stack, roll_back
from tests.console.stacks.conftest import succeed
from tests.factories.console import (
    actor_of,
    make_custom_role,
    make_grant,
    make_image,
    make_secret,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db
DOCKERFILE = "FROM scratch\nCOPY x /x\n"
FILES = {"app/Dockerfile": DOCKERFILE, "app/x": "1", "app/run.sh": "#!/bin/sh\n", "other": "2"}


def asked(actor: Actor, build: str, *, files: dict[str, str] | None = None, more: str = "") -> Any:
    """The job of deploying a service that is built so, under the name "own"."""
    text = f"services:\n  a:\n    image: own\n    build: {build}\n{more}"
    stack = create_stack(actor, "local", name="shop", files={"compose.yaml": text, **(files or FILES)})
    return deploy_stack(actor, stack.pk, plan_digest=plan_stack(actor, stack.pk).plan.digest)


def test_a_folder_of_the_stack_is_what_is_built(admin, fake_host):
    job = asked(admin, "{context: ./app, args: {V: '1'}, target: last}")
    build = job.args["builds"]["a"]
    assert (build["tag"], build["build_args"], build["target"]) == ("own:latest", {"V": "1"}, "last")
    assert job.blobs == [build["context"]]
    assert job.args["makes"] == ["own:latest"]
    with blobs.open_kept(build["context"]) as file, tarfile.open(fileobj=file) as tar:
        assert {one.name: one.mode for one in tar} == {"Dockerfile": 0o644, "x": 0o644, "run.sh": 0o755}


def test_a_dockerfile_in_the_file_and_a_repository_are_built_too(admin, fake_host):
    inline = asked(admin, "{dockerfile_inline: 'FROM scratch'}").args["builds"]["a"]
    assert inline["dockerfile_path"] == ".naru.Dockerfile"


def test_a_repository_is_fetched_by_the_host(admin, fake_host):
    build = asked(admin, "{context: 'https://git.example/shop.git#main:app', dockerfile: D}").args["builds"]["a"]
    assert build["git"] == {"url": "https://git.example/shop.git", "ref": "main", "directory": "app"}
    assert (build["dockerfile_path"], "bases" in build) == ("D", True)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        ("../elsewhere", "not in the stack's folder"),
        ("/srv/main_shopping", "not in the stack's folder"),
        ("./empty", "There is no “Dockerfile”"),
        ("{context: ./app, dockerfile: ../other}", "There is no “../other”"),
        ("{context: ./app, ssh: [default]}", "“ssh”"),
        ("{context: ./app, additional_contexts: {x: ./app}}", "“additional_contexts”"),
        ("git@git.example:shop.git", ""),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_place(admin, fake_host, build, words):
    with pytest.raises(ComposeInvalid) as caught:
        asked(admin, build)
    assert words in str(caught.value)
    (problem,) = caught.value.problems
    assert (problem.mark.file, problem.mark.line) == ("/srv/main_shop/compose.yaml", 4)


def test_secrets_of_a_build_are_the_workspaces(admin, fake_host):
    make_secret("npm", workspace=make_workspace())
    job = asked(admin, "{context: ./app, secrets: [npm]}", more="secrets: {npm: {external: true}}\n")
    assert job.args["builds"]["a"]["build_secrets"] == {"npm": "secret:npm"}
    assert job.args["secrets"] == ["npm"]


def test_a_secret_that_would_be_kept_with_the_job_is_refused(admin, fake_host):
    with pytest.raises(ComposeInvalid, match="has to be external"):
        asked(admin, "{context: ./app, secrets: [npm]}", more="secrets: {npm: {file: ./other}}\n")


def test_the_rules_about_builds_hold(admin, fake_host):
    make_image("own:latest", workspace=make_workspace("depot"))
    with pytest.raises(Conflict, match="in use on this host"):
        asked(admin, "./app")


def test_what_it_is_built_on_has_to_be_allowed(admin, fake_host):
    make_workspace(registries=["docker.io"])
    with pytest.raises(Denied, match=r"registry\.example"):
        asked(admin, ".", files={"Dockerfile": "FROM registry.example/x\n"})


def test_building_takes_the_permission_to_build(admin, fake_host):
    person = make_user(None)
    wanted = [one.value for one in (Permission.HOST_VIEW, Permission.STACK_VIEW, Permission.CONTAINER_DEPLOY)]
    make_grant(person, make_custom_role("deployer", *wanted), workspace=make_workspace())
    with pytest.raises(Denied):
        asked(actor_of(person), "./app")


def test_an_earlier_release_is_not_built_from_other_files(admin, fake_host):
    first = asked(admin, "./app")
    succeed(first)
    stack = first.release.stack
    with pytest.raises(ComposeInvalid, match="Build it first"):
        roll_back(admin, stack.pk, release=1, plan_digest=plan_stack(admin, stack.pk, release=1).plan.digest)
