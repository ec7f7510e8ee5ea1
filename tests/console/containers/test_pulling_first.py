"""An image that the host has not is pulled by the job that runs it, where that is allowed, and it is said before."""

from typing import Any

import pytest
from django.test import Client

from console.audit.models import AuditEntry
from console.containers.models import Container
from console.containers.observations import all_containers_seen
from console.containers.operations import replace_container, run_container
from console.containers.present import Present
from console.containers.specs.spec import ContainerSpec
from console.images.models import Image
from console.images.observations import images_seen
from console.jobs.models import Job
from console.jobs.operations import retry_job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.console.timeline.conftest import fact
from tests.factories.console import (
    actor_of,
    digits,
    make_container,
    make_custom_role,
    make_grant,
    make_host,
    make_image,
    make_secret,
    make_user,
    make_workspace,
    sign_in_browser,
)
from tests.factories.hub import make_registry

pytestmark = pytest.mark.django_db
FORM = {"host": "local", "workspace": "main", "image": "r.example/shop/web:1"}


def test_what_is_missing_is_pulled_by_the_same_job(admin: Actor) -> None:
    job = run_container(admin, "local", image="r.example/shop/web", name="web-1", platform="linux/amd64")
    assert job.args["pull"] == {
        "repository": "r.example/shop/web",
        "tag": "latest",
        "platform": "linux/amd64",
        "makes": ["r.example/shop/web:latest"],
    }
    assert (job.args["image"], job.args["image_engine_id"]) == ("r.example/shop/web:latest", "")
    assert AuditEntry.objects.get().details["pulls"] == "r.example/shop/web:latest"


def test_what_is_there_is_not_pulled(admin: Actor) -> None:
    make_image("web:latest")
    assert "pull" not in run_container(admin, "local", image="web").args


def test_an_edit_to_what_is_missing_pulls_it_too(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    make_container("web-1", image="r.example/shop/web:1")
    now = Present(ContainerSpec("r.example/shop/web:1"), (), digits())
    monkeypatch.setattr("console.containers.operations.present_if", lambda *_asked: now)
    job = replace_container(admin, "local", "web-1", spec=ContainerSpec("r.example/shop/web:2"))
    assert (job.args["pull"]["tag"], job.args["image_engine_id"]) == ("2", "")
    assert job.args["makes"] == ["r.example/shop/web:2"]
    assert AuditEntry.objects.get().details["pulls"] == "r.example/shop/web:2"


def test_who_may_not_pull_is_told_that_there_is_none() -> None:
    make_host("local")
    user = make_user(None)
    make_grant(user, make_custom_role("runner", "container.run", "container.view", "host.view", "workspace.view"))
    with pytest.raises(Invalid, match="There is no image") as refused:
        run_container(actor_of(user), "local", image="web:1", workspace="main")
    assert refused.value.field == "image"


def test_the_rules_of_the_workspace_and_names_of_others_hold_as_for_a_pull(admin: Actor) -> None:
    make_workspace("shop", registries=["fine.example"])
    with pytest.raises(Denied, match=r"r\.example"):
        run_container(admin, "local", image="r.example/web:1", workspace="shop")
    assert run_container(admin, "local", image="fine.example/web:1", workspace="shop").args["pull"]["tag"] == "1"
    make_image("fine.example/db:1", workspace=make_workspace("depot"))
    with pytest.raises(Conflict) as taken:
        run_container(admin, "local", image="fine.example/db:1", workspace="shop")
    assert taken.value.field == "image"


def test_who_signs_in_is_the_workspace_s_entry_whose_password_is_not_the_container_s(admin: Actor) -> None:
    make_secret("quay-token")
    make_secret("db-password")
    make_registry("quay", address="r.example", username="robot", password="secret:quay-token")
    env = {"PASSWORD": "secret:db-password"}
    job = run_container(admin, "local", image="r.example/shop/web:1", name="web-1", env=env)
    assert job.args["secrets"] == ["db-password", "quay-token"]
    assert job.args["pull"]["registry"]["password"] == "secret:quay-token"
    all_containers_seen("local", {"containers": [fact(digits(), labels={"naru.job": str(job.pk)})]})
    assert [secret.name for secret in Container.objects.get().secrets.all()] == ["db-password"]


def test_the_image_belongs_to_the_job_s_workspace(admin: Actor) -> None:
    job = run_container(admin, "local", image="r.example/web:1", workspace=make_workspace("shop").slug)
    with writes_allowed("test"):
        Job.objects.update(state=Job.State.RUNNING)
    when = "2026-09-21T14:13:20+00:00"
    seen = {"engine_id": digits(), "references": ["r.example/web:1"], "size_bytes": 5, "created_at": when}
    images_seen("local", {"images": [seen]})
    assert Image.objects.get(engine_id=seen["engine_id"]).workspace == job.workspace


def test_a_repetition_is_judged_by_the_rules_of_then(admin: Actor) -> None:
    job = run_container(admin, "local", image="r.example/web:1", workspace=make_workspace("shop").slug)
    with writes_allowed("test"):
        Job.objects.update(state=Job.State.FAILED)
    make_workspace("shop", registries=["fine.example"])
    with pytest.raises(Denied):
        retry_job(admin, job.pk)


@pytest.mark.parametrize(
    ("rules", "words"),
    [({}, "r.example/shop/web:1 is not on this host. It is pulled first"), ({"registries": []}, "is not allowed")],
)
def test_the_form_says_so_before(rules: dict[str, Any], words: str) -> None:
    make_host("local")
    make_workspace("main", **rules)
    browser = sign_in_browser(Client(), make_user(Role.ADMIN))
    page = browser.post("/containers/run/preview/", FORM).content.decode()
    assert words in " ".join(page.split())
    assert "docker run" in page
