"""Changing files and freezing containers: who may, what becomes a job, and what is on record."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from console.audit.models import AuditEntry
from console.containers.models import Container
from console.files import operations
from console.files.models import DriftRules
from console.files.packing import Upload
from console.files.queries import noise_of
from console.images.models import Image
from console.images.observations import images_seen
from console.jobs import blobs
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.factories.console import (
    actor_of,
    make_container,
    make_grant,
    make_image,
    make_job,
    make_user,
    make_workspace,
)

Ask = Callable[..., Job]
ASKS: dict[str, tuple[Ask, dict[str, Any]]] = {
    "upload": (operations.upload_files, {"path": "/srv", "files": [Upload("a", io.BytesIO(), 0)]}),
    "make": (operations.make_directory, {"path": "/srv", "directory": "new"}),
    "move": (operations.move_file, {"path": "/srv/a", "to": "/srv/b"}),
    "remove": (operations.remove_file, {"path": "/srv/a"}),
    "freeze": (operations.freeze_container, {"tag": "shop/web:1"}),
}


def one(role: Role) -> Actor:
    return actor_of(make_user(role))


def upload(name: str, content: bytes = b"content") -> Upload:
    return Upload(name, io.BytesIO(content), len(content))


@pytest.mark.parametrize("ask", ASKS)
def test_developers_may_and_operators_may_not(container: Container, ask: str) -> None:
    do, given = ASKS[ask]
    with pytest.raises(Denied):
        do(one(Role.OPERATOR), "local", "web-1", **given)
    assert do(one(Role.DEVELOPER), "local", "web-1", **given).on_id == str(container.pk)


@pytest.mark.parametrize("ask", ASKS)
def test_one_of_another_workspace_learns_nothing(container: Container, ask: str) -> None:
    do, given = ASKS[ask]
    user = make_user(None)
    make_grant(user, Role.ADMIN, workspace=make_workspace("depot"))
    with pytest.raises(Missing):
        do(actor_of(user), "local", "web-1", **given)


@pytest.mark.parametrize("ask", ASKS)
def test_one_thing_at_a_time(container: Container, admin: Actor, ask: str) -> None:
    do, given = ASKS[ask]
    make_job("container.stop", state="running", on_kind="container", on_id=str(container.pk), on_name="web-1")
    with pytest.raises(Conflict):
        do(admin, "local", "web-1", **given)


def test_an_upload_is_a_tar_and_on_record_with_digests(container: Container, admin: Actor) -> None:
    job = operations.upload_files(admin, "local", "web-1", path="/srv/", files=[upload("a"), upload("설정", b"")])
    with blobs.open_kept(job.args["tar"]) as file, tarfile.open(fileobj=file) as tar:
        assert [(info.name, info.size, info.mode) for info in tar] == [("a", 7, 0o644), ("설정", 0, 0o644)]
    assert job.blobs == [job.args["tar"]]
    details = AuditEntry.objects.get(target_kind="container").details
    assert details["path"] == "/srv"
    assert details["files"][0] == {"name": "a", "size_bytes": 7, "sha256": hashlib.sha256(b"content").hexdigest()}
    assert "content" not in str(details)


@pytest.mark.parametrize(
    "files",
    [
        [],
        [upload("a"), upload("a")],
        [upload("..")],
        [upload(".wh.a")],
        [Upload("big", io.BytesIO(), (64 << 20) + 1)],
        [upload(f"f{n}") for n in range(101)],
    ],
)
def test_what_cannot_be_uploaded_is_refused(container: Container, admin: Actor, files: list[Upload]) -> None:
    with pytest.raises(Invalid) as refused:
        operations.upload_files(admin, "local", "web-1", path="/srv", files=files)
    assert refused.value.field == "files"


@pytest.mark.parametrize(
    ("ask", "given", "field"),
    [
        ("upload", {"path": "srv"}, "path"),
        ("make", {"directory": "a/b"}, "directory"),
        ("make", {"directory": " "}, "directory"),
        ("move", {"path": "/"}, "path"),
        ("move", {"to": "/srv/a/b"}, "to"),
        ("move", {"to": "/srv/a/../a"}, "to"),
        ("remove", {"path": "//"}, "path"),
        ("remove", {"path": "/\udcff"}, "path"),
        ("freeze", {"tag": "Shop"}, "tag"),
        ("freeze", {"tag": "a@sha256:" + "0" * 64}, "tag"),
        ("freeze", {"message": "two\nlines"}, "message"),
        ("freeze", {"author": "x" * 201}, "author"),
        ("freeze", {"changes": ["RUN rm -rf /"]}, "changes"),
        ("freeze", {"changes": ["CMD"]}, "changes"),
        ("freeze", {"changes": ["CMD x"] * 51}, "changes"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    container: Container, admin: Actor, ask: str, given: dict[str, Any], field: str
) -> None:
    do, usual = ASKS[ask]
    with pytest.raises(Invalid) as refused:
        do(admin, "local", "web-1", **{**usual, **given})
    assert refused.value.field == field
    assert not Job.objects.exists()


@pytest.mark.parametrize("ask", ["move", "remove"])
def test_what_takes_a_program_of_the_container_takes_a_running_one(admin: Actor, ask: str) -> None:
    make_container("still", state="exited")
    do, given = ASKS[ask]
    with pytest.raises(Conflict):
        do(admin, "local", "still", **given)


def test_a_frozen_container_is_an_image_of_its_workspace(admin: Actor) -> None:
    shop = make_workspace("shop")
    make_container("web-1", workspace=shop)
    job = operations.freeze_container(admin, "local", "web-1", tag="shop/web", changes=['  CMD ["x"] ', ""])
    assert (job.kind, job.args["tag"], job.args["changes"]) == ("container.freeze", "shop/web:latest", ['CMD ["x"]'])
    with writes_allowed("test"):
        Job.objects.update(state=Job.State.SUCCEEDED)
    fact = {"engine_id": "f" * 64, "references": ["shop/web:latest"], "size_bytes": 1}
    images_seen("local", {"images": [{**fact, "created_at": "2026-01-01T00:00:00+00:00"}]})
    assert Image.objects.get(engine_id="f" * 64).workspace == shop


def test_a_tag_is_not_taken_from_another_workspace(container: Container, admin: Actor) -> None:
    make_image("depot/web:1", workspace=make_workspace("depot"))
    with pytest.raises(Conflict) as refused:
        operations.freeze_container(admin, "local", "web-1", tag="depot/web:1")
    assert refused.value.field == "tag"


def test_noise_is_the_workspaces_and_on_record(container: Container) -> None:
    workspace = container.workspace
    with pytest.raises(Denied):
        operations.change_noise(one(Role.OPERATOR), workspace.slug, patterns=[])
    before = noise_of(workspace)
    operations.change_noise(one(Role.DEVELOPER), workspace.slug, patterns=["/tmp", "*.swp"])
    assert noise_of(workspace) == ["/tmp", "*.swp"]
    assert noise_of(make_workspace("depot")) == before
    details = AuditEntry.objects.filter(outcome="allowed").latest("seq").details
    assert details["added"] == ["*.swp"]
    assert DriftRules.objects.count() == 1
