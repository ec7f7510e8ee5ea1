"""Asking for a build or a removal: what is wrong is named by its field, and then there is no job."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from console.audit.models import AuditEntry
from console.images.context import DOCKERFILE_LIMIT_BYTES
from console.images.operations import build_image, build_starter, remove_image
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Role
from tests.console.images.test_context import WHOLE
from tests.factories.console import actor_of, make_image, make_job, make_user
from tests.fakes.broker import Broker

DOCKERFILE = "FROM scratch\nCOPY a /\n"
Build = Callable[..., Job]


@pytest.fixture
def build(admin: Actor) -> Build:
    return lambda **given: build_image(admin, "local", **{"tag": "shop/web:1", "dockerfile": DOCKERFILE, **given})


def test_a_pasted_dockerfile_becomes_a_job(
    build: Build, broker: Broker, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = build(dockerfile="FROM scratch\r\nCOPY a /\r\n")
    assert (job.kind, job.state, job.max_attempts, job.on_name) == ("image.build", "queued", 3, "shop/web:1")
    assert job.args == {"tag": "shop/web:1", "dockerfile": DOCKERFILE}
    assert broker.of("jobs.dispatch") == [[job.pk]]
    assert AuditEntry.objects.get().details["job"] == job.pk


def test_a_context_goes_along_as_an_input(build: Build, tmp_path: Path) -> None:
    job = build(dockerfile="", context=io.BytesIO(WHOLE["zip"]), dockerfile_path="./Dockerfile")
    assert job.blobs == [job.args["context"]]
    assert (tmp_path / "inputs" / job.args["context"]).exists()
    assert "dockerfile" not in job.args


@pytest.mark.parametrize(
    ("tag", "means"),
    [("web", "web:latest"), (" web \n", "web:latest"), ("localhost:5000/web", "localhost:5000/web:latest")],
)
def test_a_tag_may_be_left_out(build: Build, tag: str, means: str) -> None:
    assert build(tag=tag).args["tag"] == means


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"tag": "Shop/Web:1"}, "tag"),
        ({"tag": ""}, "tag"),
        ({"tag": "web:"}, "tag"),
        ({"tag": "web:1 2"}, "tag"),
        ({"tag": "web@sha256:" + "ab" * 32}, "tag"),
        ({"tag": "../web"}, "tag"),
        ({"tag": "web:" + "1" * 129}, "tag"),
        ({"tag": "a" * 300}, "tag"),
        ({"tag": "we\nb"}, "tag"),
        ({"dockerfile": ""}, "dockerfile"),
        ({"dockerfile": " \n"}, "dockerfile"),
        ({"dockerfile": "FROM a\0"}, "dockerfile"),
        ({"dockerfile": "#" * (DOCKERFILE_LIMIT_BYTES + 1)}, "dockerfile"),
        ({"context": io.BytesIO(WHOLE["tar"])}, "context"),
        ({"dockerfile": "", "context": io.BytesIO(b"")}, "context"),
        ({"dockerfile": "", "context": io.BytesIO(WHOLE["tar"]), "dockerfile_path": "nowhere"}, "dockerfile_path"),
        ({"dockerfile": "", "context": io.BytesIO(WHOLE["tar"]), "dockerfile_path": "../x"}, "dockerfile_path"),
    ],
)
def test_what_is_wrong_is_named_and_makes_no_job(
    build: Build, tmp_path: Path, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as invalid:
        build(**wrong)
    assert invalid.value.field == field
    assert not Job.objects.exists()
    assert AuditEntry.objects.get().outcome == "refused"
    assert list(tmp_path.glob("inputs/*")) == []


def test_capitals_are_told_in_lower_case(build: Build) -> None:
    with pytest.raises(Invalid, match="Try “shop/web:1”"):
        build(tag="Shop/Web:1")


def test_an_operator_builds_nothing_and_their_upload_is_not_kept(admin: Actor, tmp_path: Path) -> None:
    operator = actor_of(make_user(Role.OPERATOR))
    with pytest.raises(Denied):
        build_image(operator, "local", tag="web", context=io.BytesIO(WHOLE["tar"]))
    with pytest.raises(Denied):
        build_starter(operator, "local")
    assert not Job.objects.exists()
    assert not (tmp_path / "inputs").exists()


def test_a_host_nobody_knows_is_missing(admin: Actor) -> None:
    with pytest.raises(Missing):
        build_image(admin, "b9", tag="web", dockerfile=DOCKERFILE)


def test_removing_an_image_is_a_job_about_it(admin: Actor) -> None:
    image = make_image("web:1")
    job = remove_image(admin, "local", image.short_id, force=True)
    assert (job.kind, job.args) == ("image.remove", {"engine_id": image.engine_id, "force": True})
    assert (job.on_kind, job.on_id) == ("image", str(image.pk))


def test_two_jobs_about_one_image_are_a_conflict(admin: Actor) -> None:
    image = make_image("web:1")
    make_job("image.remove", state="running", on_kind="image", on_id=str(image.pk))
    with pytest.raises(Conflict, match="still at work"):
        remove_image(admin, "local", image.engine_id)
    assert Job.objects.count() == 1


@pytest.mark.parametrize("engine_id", ["", "ab", "0" * 12, "%", "_" * 12])
def test_an_image_nobody_has_is_missing(admin: Actor, engine_id: str) -> None:
    make_image("web:1")
    with pytest.raises(Missing):
        remove_image(admin, "local", engine_id)


def test_an_operator_removes_no_image(admin: Actor) -> None:
    image = make_image("web:1")
    with pytest.raises(Denied):
        remove_image(actor_of(make_user(Role.OPERATOR)), "local", image.engine_id)
