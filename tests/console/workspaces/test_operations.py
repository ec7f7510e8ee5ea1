"""Workspaces: made, ruled, deleted; and what is run and built in them."""

import io
import tarfile
from typing import Any

import pytest

from console.audit.models import AuditEntry
from console.containers.models import Container
from console.containers.observations import containers_seen
from console.containers.operations import move_container, run_container
from console.images.models import Image
from console.images.observations import images_made, images_seen
from console.images.operations import build_image, build_starter, remove_image, share_image
from console.jobs import sending
from console.jobs.models import Job
from console.jobs.operations import retry_job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Role
from console.workspaces.models import Workspace
from console.workspaces.operations import change_rules, create_workspace, delete_workspace
from console.workspaces.rules import Rules
from tests.factories.console import (
    actor_of,
    digits,
    make_container,
    make_custom_role,
    make_grant,
    make_host,
    make_image,
    make_job,
    make_user,
    make_workspace,
)
from tests.fakes.broker import Broker

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_send", Broker().send)


@pytest.fixture
def admin() -> Actor:
    make_host("local")
    return actor_of(make_user(Role.ADMIN))


def one_of(workspace: str, role: Role = Role.DEVELOPER) -> Actor:
    user = make_user(None)
    make_grant(user, role, workspace=make_workspace(workspace))
    return actor_of(user)


def test_a_new_workspace_gives_nothing_of_a_host_away(admin: Actor) -> None:
    assert create_workspace(admin, slug="shop").rules == Rules()


@pytest.mark.parametrize("slug", ["", "Shop", "a b", "-a", "a-", "a" * 41, "a_b"])
def test_a_short_name_is_plain(admin: Actor, slug: str) -> None:
    with pytest.raises(Invalid):
        create_workspace(admin, slug=slug)


def test_a_workspace_that_owns_something_stays(admin: Actor) -> None:
    make_container(workspace=make_workspace("shop"))
    with pytest.raises(Conflict, match="still owns"):
        delete_workspace(admin, "shop")
    make_workspace("empty")
    delete_workspace(admin, "empty")
    assert not Workspace.objects.filter(slug="empty").exists()


def test_the_last_workspace_stays(admin: Actor) -> None:
    with pytest.raises(Conflict, match="last workspace"):
        delete_workspace(admin, "main")


def test_what_changed_in_the_rules_is_in_the_audit_log(admin: Actor) -> None:
    make_workspace("shop")
    change_rules(admin, "shop", Rules(privileged=True))
    assert AuditEntry.objects.get().details == {"changed": {"privileged": True}}


# --- running ---


def test_what_runs_belongs_to_the_workspace_it_was_asked_for(admin: Actor) -> None:
    shop = make_workspace("shop")
    make_image("a:1", workspace=shop)
    job = run_container(admin, "local", image="a:1", workspace="shop")
    assert job.workspace == shop
    entry = AuditEntry.objects.get()
    assert (entry.workspace_pk, entry.host_pk) == (shop.pk, job.host_id)
    seen = make_container(workspace=shop)
    fact: dict[str, Any] = {
        "engine_id": digits(),
        "name": "new",
        "image": "a:1",
        "image_engine_id": "",
        "command": [],
        "state": "running",
        "exit_code": None,
        "ports": [],
        "labels": {"naru.job": str(job.pk)},
        "memory_bytes": 0,
        "cpus": 0.0,
        "has_tty": False,
        "created_at": "2026-01-02T03:04:05+00:00",
        "started_at": None,
        "finished_at": None,
        "error": "",
    }
    containers_seen("local", {"containers": [fact, {**fact, "engine_id": digits(), "name": "strange", "labels": {}}]})
    assert Container.objects.get(name="new").workspace == seen.workspace
    assert Container.objects.get(name="strange").workspace.slug == "main"


def test_an_image_of_another_workspace_cannot_be_run(admin: Actor) -> None:
    make_image("secret:1", workspace=make_workspace("depot"))
    user = make_user(None)
    make_grant(
        user,
        make_custom_role("runner", "container.run", "container.view", "host.view", "image.view"),
        workspace=make_workspace("shop"),
    )
    said = set()
    for name in ("secret:1", "absent:1"):
        with pytest.raises(Invalid) as invalid:
            run_container(actor_of(user), "local", image=name)
        said.add(str(invalid.value).replace(name, "X"))
    assert len(said) == 1


def test_nor_can_it_be_pulled_on_the_way(admin: Actor) -> None:
    make_image("secret:1", workspace=make_workspace("depot"))
    with pytest.raises(Conflict, match="in use on this host"):
        run_container(one_of("shop"), "local", image="secret:1")
    assert not Job.objects.exists()


def test_rules_are_asked_and_their_refusal_is_recorded(admin: Actor) -> None:
    developer = one_of("shop")
    make_image("a:1", workspace=make_workspace("shop"))
    with pytest.raises(Denied, match=r"0\.0\.0\.0"):
        run_container(developer, "local", image="a:1", ports=["0.0.0.0:80:80"])
    assert not Job.objects.exists()
    assert AuditEntry.objects.get(action="container.run").outcome == "refused"
    make_workspace("shop", addresses=["0.0.0.0/0"])
    assert run_container(developer, "local", image="a:1", ports=["0.0.0.0:80:80"]).kind == "container.run"


def test_jobs_under_way_count_towards_the_totals(admin: Actor) -> None:
    make_workspace("shop", most_containers=2)
    make_image("a:1", workspace=make_workspace("shop", most_containers=2))
    make_container(workspace=Workspace.objects.get(slug="shop"))
    run_container(admin, "local", image="a:1", workspace="shop")
    with pytest.raises(Denied, match="2 containers already"):
        run_container(admin, "local", image="a:1", workspace="shop")


def test_work_is_not_done_again_that_the_rules_no_longer_allow(admin: Actor) -> None:
    shop = make_workspace("shop", addresses=["0.0.0.0/0"])
    make_image("a:1", workspace=shop)
    job = run_container(admin, "local", image="a:1", workspace="shop", ports=["0.0.0.0:80:80"])
    failed = make_job("container.run", state="failed", workspace=shop, args=job.args)
    make_workspace("shop")
    with pytest.raises(Denied, match=r"0\.0\.0\.0"):
        retry_job(admin, failed.number)


def test_a_container_moves_between_workspaces(admin: Actor) -> None:
    make_container("web", workspace=make_workspace("shop"))
    depot = make_workspace("depot")
    move_container(admin, "local", "web", workspace="depot")
    assert Container.objects.get().workspace == depot
    with pytest.raises(Missing):
        move_container(one_of("shop", Role.ADMIN), "local", "web", workspace="shop")


# --- images ---


def report(*images: tuple[str, str]) -> None:
    facts = [
        {"engine_id": engine_id, "references": [tag], "size_bytes": 1, "created_at": "2026-01-02T03:04:05+00:00"}
        for engine_id, tag in images
    ]
    images_seen("local", {"images": facts})


def test_an_image_belongs_to_the_workspace_that_built_it(admin: Actor) -> None:
    shop = make_workspace("shop")
    make_job("image.build", workspace=shop, args={"tag": "shop/web:1"})
    report((digits(), "shop/web:1"), (digits(), "found:1"))
    owners = {image.references[0]: image.workspace.slug for image in Image.objects.all()}
    assert owners == {"shop/web:1": "shop", "found:1": "main"}


def test_what_two_workspaces_build_alike_both_have(admin: Actor) -> None:
    image = make_image("hello-naru:latest", workspace=make_workspace("shop"))
    job = make_job("image.build", workspace=make_workspace("depot"), result={"image": image.engine_id})
    images_made("local", {"job": job.pk})
    images_made("local", {"job": job.pk})
    assert {row.workspace.slug for row in Image.objects.filter(engine_id=image.engine_id)} == {"shop", "depot"}
    report((image.engine_id, "hello-naru:latest"))
    assert Image.objects.count() == 2
    with pytest.raises(Conflict, match="Another workspace"):
        remove_image(one_of("depot"), "local", image.engine_id)
    report()
    assert not Image.objects.exists()


def test_a_tag_is_not_taken_from_another_workspaces_image(admin: Actor) -> None:
    make_image("shop/web:1", workspace=make_workspace("shop"))
    dockerfile = "FROM scratch\n"
    with pytest.raises(Conflict) as conflict:
        build_image(one_of("depot"), "local", tag="shop/web:1", dockerfile=dockerfile)
    assert conflict.value.field == "tag"
    assert build_image(one_of("shop"), "local", tag="shop/web:1", dockerfile=dockerfile).kind == "image.build"
    assert build_starter(one_of("depot"), "local").workspace == make_workspace("depot")


def test_a_shared_image_can_be_used_and_its_name_stays_its_owners(admin: Actor) -> None:
    base = make_image("base:1", workspace=make_workspace("shop"))
    make_workspace("depot")
    share_image(admin, "local", base.engine_id, workspace="depot")
    assert run_container(one_of("depot"), "local", image="base:1").kind == "container.run"
    with pytest.raises(Conflict):
        build_image(one_of("depot"), "local", tag="base:1", dockerfile="FROM scratch\n")
    assert build_image(one_of("shop"), "local", tag="base:1", dockerfile="FROM scratch\n").kind == "image.build"


def test_a_host_that_the_workspace_may_not_use_is_not_there(admin: Actor) -> None:
    make_host("far")
    make_workspace("shop", hosts=["local"])
    user = make_user(None)
    make_grant(user, Role.DEVELOPER, workspace=Workspace.objects.get(slug="shop"))
    with pytest.raises(Missing):
        build_starter(actor_of(user), "far")
    with pytest.raises(Denied, match="may not use the host"):
        build_starter(admin, "far", workspace="shop")


def test_nobody_builds_on_an_image_of_another_workspace(admin: Actor) -> None:
    secret = make_image("secret:latest", workspace=make_workspace("shop"))
    for name in ("secret", "docker.io/library/secret:latest", secret.short_id, f"secret@sha256:{digits()}"):
        with pytest.raises(Conflict) as conflict:
            build_image(one_of("depot"), "local", tag="mine:1", dockerfile=f"FROM {name}\n")
        assert conflict.value.field == "dockerfile"
        assert build_image(one_of("shop"), "local", tag="mine:1", dockerfile=f"FROM {name}\n").kind == "image.build"


def test_the_dockerfile_of_an_upload_is_read_too(admin: Actor) -> None:
    make_image("secret:latest", workspace=make_workspace("shop"))

    def upload(*files: tuple[str, bytes]) -> io.BytesIO:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for name, content in files:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        packed.seek(0)
        return packed

    harmless, sly = ("Dockerfile", b"FROM scratch\n"), ("./Dockerfile", b"FROM secret\n")
    for files in ([sly], [harmless, sly]):
        with pytest.raises(Conflict):
            build_image(one_of("depot"), "local", tag="mine:1", context=upload(*files))
    assert build_image(one_of("depot"), "local", tag="mine:1", context=upload(harmless)).kind == "image.build"


def test_only_allowed_registries_are_asked(admin: Actor) -> None:
    make_workspace("shop", registries=["ghcr.io"])
    make_image("own:1", workspace=Workspace.objects.get(slug="shop"))
    for name in ("ghcr.io/a/b", "own:1"):
        assert build_image(admin, "local", tag="a:1", dockerfile=f"FROM {name}\n", workspace="shop").workspace
    with pytest.raises(Denied, match=r"docker\.io"):
        build_image(admin, "local", tag="a:1", dockerfile="FROM busybox\n", workspace="shop")
