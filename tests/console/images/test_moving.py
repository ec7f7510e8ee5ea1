"""Asking for an image to be pulled, pushed, named, loaded or copied: what is wrong has no job, and nobody's name is
taken from them.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

import pytest

from console.audit.models import AuditEntry
from console.images import operations
from console.images.models import Image
from console.images.observations import image_pushed, images_made, images_seen
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.factories.console import (
    actor_of,
    digits,
    make_grant,
    make_host,
    make_image,
    make_job,
    make_secret,
    make_user,
    make_workspace,
)
from tests.factories.hub import make_registry
from tests.fakes.broker import Broker

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def anything_sent(broker: Broker) -> Broker:
    return broker


def one_of(workspace: str, role: Role = Role.DEVELOPER) -> Actor:
    user = make_user(None)
    make_grant(user, role, workspace=make_workspace(workspace))
    return actor_of(user)


def pull(actor: Actor, reference: str, **given: Any) -> Job:
    return operations.pull_image(actor, "local", reference=reference, **given)


# --- pulling ---


@pytest.mark.parametrize(
    ("reference", "args"),
    [
        ("shop/web", {"repository": "shop/web", "tag": "latest", "makes": ["shop/web:latest"]}),
        ("docker.io/library/debian:12", {"repository": "docker.io/library/debian", "makes": ["debian:12"]}),
        ("r.example:5000/a@sha256:" + 64 * "a", {"repository": "r.example:5000/a", "digest": "sha256:" + 64 * "a"}),
    ],
)
def test_a_pull_says_what_and_what_it_makes(admin: Actor, reference: str, args: dict[str, Any]) -> None:
    job = pull(admin, reference)
    assert (job.kind, job.max_attempts) == ("image.pull", 3)
    assert args.items() <= job.args.items()


def test_every_tag_is_pulled_of_a_repository_alone(admin: Actor) -> None:
    job = pull(admin, "docker.io/shop/web", all_tags=True)
    assert "tag" not in job.args
    assert job.args["makes"] == ["shop/web"]
    with pytest.raises(Invalid) as caught:
        pull(admin, "shop/web:1", all_tags=True)
    assert caught.value.field == "reference"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"reference": ""}, "reference"),
        ({"reference": "Shop/Web"}, "reference"),
        ({"reference": "a@sha256:short"}, "reference"),
        ({"reference": "a b"}, "reference"),
        ({"reference": "a:1", "platform": "linux;rm"}, "platform"),
        ({"reference": "a:1", "tag_as": "A"}, "tag_as"),
    ],
)
def test_what_is_wrong_with_a_pull_is_named(admin: Actor, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        operations.pull_image(admin, "local", **wrong)
    assert caught.value.field == field
    assert not Job.objects.exists()


def test_rules_say_from_where_images_come(admin: Actor) -> None:
    make_workspace("shop", registries=["registry.example"])
    pull(admin, "registry.example/a:1", workspace="shop")
    for reference in ("a:1", "other.example/a:1", "registry.example.evil.net/a:1"):
        with pytest.raises(Denied, match="registry"):
            pull(admin, reference, workspace="shop")


def test_a_pull_signs_in_by_the_workspace_s_entry(admin: Actor) -> None:
    make_secret("quay-token", "canary-of-the-quay")
    make_registry("quay", address="registry.example", username="robot", password="secret:quay-token")
    job = pull(admin, "registry.example/a:1")
    assert job.args["secrets"] == ["quay-token"]
    assert job.args["registry"] == {
        "address": "registry.example",
        "username": "robot",
        "password": "secret:quay-token",
    }
    assert "canary-of-the-quay" not in json.dumps(job.args) + str(list(AuditEntry.objects.values()))
    assert "registry" not in pull(admin, "other.example/a:1").args


@pytest.mark.parametrize("reference", ["docker.io/library/web:1", "web:1", "index.docker.io/library/web:1"])
def test_a_pull_takes_no_name_from_another_workspace(admin: Actor, reference: str) -> None:
    make_image("web:1", workspace=make_workspace("depot"))
    with pytest.raises(Conflict):
        pull(admin, reference)
    with pytest.raises(Conflict):
        pull(admin, reference.removesuffix(":1"), all_tags=True)
    with pytest.raises(Conflict):
        pull(admin, "b:1", tag_as=reference)


def test_rules_are_asked_again_for_a_pull_that_is_repeated(admin: Actor) -> None:
    job = pull(admin, "registry.example/a:1")
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(state="failed")
    make_workspace(registries=["docker.io"])
    with pytest.raises(Denied):
        operations._judge_pull_again(Job.objects.get(pk=job.pk))


# --- naming and pushing ---


def test_a_push_goes_to_the_registry_that_its_name_begins_with(admin: Actor) -> None:
    image = make_image("a:1")
    job = operations.push_image(admin, "local", image.engine_id, reference="registry.example/shop/a:1")
    assert (job.args["repository"], job.args["tag"]) == ("registry.example/shop/a", "1")
    make_workspace(registries=["docker.io"])
    with pytest.raises(Denied):
        operations.push_image(admin, "local", image.engine_id, reference="registry.example/shop/a:1")


def test_a_name_of_another_workspace_is_neither_given_nor_pushed(admin: Actor) -> None:
    image = make_image("a:1")
    make_image("registry.example/web:1", workspace=make_workspace("depot"))
    for ask in (operations.tag_image, operations.push_image):
        with pytest.raises(Conflict) as caught:
            ask(admin, "local", image.engine_id, reference="registry.example/web:1")
        assert caught.value.field == "reference"


def test_the_last_name_goes_with_the_right_to_remove(admin: Actor) -> None:
    image = make_image("a:1", "a:2")
    person = make_user(None)
    make_grant(person, Role.DEVELOPER, workspace=make_workspace())
    operations.untag_image(actor_of(person), "local", image.engine_id, reference="a:1")
    with pytest.raises(Invalid):
        operations.untag_image(admin, "local", image.engine_id, reference="b:1")
    assert AuditEntry.objects.filter(action="image.tag").exists()


def test_names_of_an_image_that_is_shared_are_the_first_one_s(admin: Actor) -> None:
    image = make_image("a:1", "a:2")
    with writes_allowed("test"):
        Image.objects.filter(pk=image.pk).update(is_shared=True)
    with pytest.raises(Conflict):
        operations.untag_image(admin, "local", image.engine_id, reference="a:1")


# --- archives ---


def archive(manifest: Any, *, packed: bool = False, name: str = "manifest.json") -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path, content in {"layer.tar": b"x" * 5000, name: json.dumps(manifest).encode()}.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return io.BytesIO(gzip.compress(file.getvalue())) if packed else io.BytesIO(file.getvalue())


A, B = 64 * "a", 64 * "b"
SAVED = [{"Config": f"blobs/sha256/{A}", "RepoTags": ["web:1", "web:2"]}, {"Config": f"{B}.json", "RepoTags": None}]


@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_is_looked_into_before_it_is_kept(admin: Actor, packed: bool) -> None:
    job = operations.load_images(admin, "local", archive(SAVED, packed=packed))
    assert (job.args["tags"], job.args["ids"], job.args["makes"]) == (["web:1", "web:2"], [B], ["web:1", "web:2"])
    assert job.blobs == [job.args["archive"]]


@pytest.mark.parametrize(
    "upload",
    [
        io.BytesIO(b""),
        io.BytesIO(b"no archive at all"),
        io.BytesIO(gzip.compress(b"no archive at all")),
        archive(SAVED, name="other.json"),
        archive([]),
        archive({}),
        archive([1]),
        archive([{"Config": "../../etc/passwd", "RepoTags": []}]),
        archive([{"Config": A, "RepoTags": ["Not A Name"]}]),
        archive([{"Config": A, "RepoTags": "web:1"}]),
    ],
)
def test_what_is_no_archive_of_images_is_not_kept(admin: Actor, upload: io.BytesIO, tmp_path: Any) -> None:
    with pytest.raises(Invalid) as caught:
        operations.load_images(admin, "local", upload)
    assert caught.value.field == "archive"
    assert [path.name for path in (tmp_path / "inputs").iterdir()] == []


def test_an_archive_takes_no_name_from_another_workspace(admin: Actor) -> None:
    make_image("web:2", workspace=make_workspace("depot"))
    with pytest.raises(Conflict):
        operations.load_images(admin, "local", archive(SAVED))


def test_files_become_an_image_of_that_name(admin: Actor) -> None:
    job = operations.import_image(admin, "local", archive({}), tag="base:1")
    assert (job.kind, job.args["tag"]) == ("image.import", "base:1")
    with pytest.raises(Invalid):
        operations.import_image(admin, "local", io.BytesIO(b"no tar"), tag="base:1")


# --- whose it is ---


def seen(engine_id: str, *references: str) -> None:
    one = {"engine_id": engine_id, "references": list(references), "size_bytes": 5}
    images_seen("local", {"images": [{**one, "created_at": "2026-01-02T03:04:05+00:00"}]})


def ended(job: Job, **result: Any) -> Mapping[str, Any]:
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(state="succeeded", result=result)
    return {"job": job.pk}


@pytest.mark.parametrize("given", [{"reference": "shop/web:1"}, {"reference": "docker.io/shop/web", "all_tags": True}])
def test_a_pulled_image_is_its_workspace_s(admin: Actor, given: dict[str, Any]) -> None:
    make_workspace("shop")
    job = operations.pull_image(admin, "local", workspace="shop", **given)
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(state="running")
    seen(A, "shop/web:1")
    assert Image.objects.get().workspace.slug == "shop"


def test_an_image_that_was_seen_before_its_job_ended_comes_to_its_workspace(admin: Actor) -> None:
    make_workspace("shop")
    job = pull(admin, f"shop/web@sha256:{A}", workspace="shop")
    seen(B)
    images_made("local", dict(ended(job, image=B, new=True)))
    assert [image.workspace.slug for image in Image.objects.all()] == ["shop"]


def test_an_image_that_was_there_is_shared(admin: Actor) -> None:
    make_workspace("shop")
    seen(B, "web:1")
    job = pull(admin, f"shop/web@sha256:{A}", workspace="shop")
    fact = dict(ended(job, image=B, new=False))
    images_made("local", fact)
    images_made("local", fact)
    assert sorted((i.workspace.slug, i.is_shared) for i in Image.objects.all()) == [("main", False), ("shop", True)]


# --- copying ---


@pytest.mark.django_db(transaction=True)
def test_a_copy_goes_on_where_the_push_has_ended() -> None:
    make_host("local")
    make_host("far")
    user = make_user(Role.ADMIN)
    image = make_image("shop/web:1")
    job = operations.copy_image(actor_of(user), "local", image.engine_id, to_host="far", registry="r.example")
    assert job.args["repository"] == "r.example/naru-copies/main"
    fact = dict(ended(job, digest=f"sha256:{A}"))
    image_pushed("local", fact)
    image_pushed("local", fact)
    (pulled,) = Job.objects.filter(kind="image.pull")
    assert (pulled.host.name, pulled.args["digest"], pulled.args["tag_as"]) == ("far", f"sha256:{A}", ["shop/web:1"])
    assert pulled.actor_id == user.pk


@pytest.mark.django_db(transaction=True)
def test_a_copy_does_not_go_on_for_somebody_who_may_not_any_more() -> None:
    make_host("local")
    make_host("far")
    user = make_user(Role.ADMIN)
    image = make_image("shop/web:1")
    job = operations.copy_image(actor_of(user), "local", image.engine_id, to_host="far", registry="r.example")
    with writes_allowed("test"):
        type(user).objects.filter(pk=user.pk).update(is_active=False)
    image_pushed("local", dict(ended(job, digest=f"sha256:{A}")))
    assert not Job.objects.filter(kind="image.pull").exists()


def test_a_copy_needs_both_halves(admin: Actor) -> None:
    make_host("far")
    image = make_image("shop/web:1")
    with pytest.raises(Invalid):
        operations.copy_image(admin, "local", image.engine_id, to_host="local", registry="r.example")
    make_image("shop/web:1", host=make_host("far"), workspace=make_workspace("depot"))
    with pytest.raises(Conflict):
        operations.copy_image(admin, "local", image.engine_id, to_host="far", registry="r.example")


def test_taking_an_image_away_is_on_record(admin: Actor) -> None:
    image = make_image("a:1")
    operations.export_image(admin, "local", image.engine_id)
    assert AuditEntry.objects.get(action="image.export").target_name == "a:1"


def test_a_job_of_another_kind_makes_no_images(admin: Actor) -> None:
    job = make_job("container.run", result={"image": digits()})
    images_made("local", {"job": job.pk})
    assert not Image.objects.exists()
