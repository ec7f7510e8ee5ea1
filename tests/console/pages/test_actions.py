"""Who may press what, and what pressing it answers."""

import json

import pytest
from django.test import Client

from console.audit.models import AuditEntry
from console.jobs.models import Job
from console.operations.permissions import Role
from tests.console.pages.conftest import SignedIn
from tests.factories.console import make_container, make_host, make_image, make_job, make_user

STOP = "/containers/local/web-1/stop/"


@pytest.fixture
def running(db: None) -> None:
    make_container("web-1")


def test_a_viewer_sees_a_disabled_button_that_says_why(signed_in: SignedIn, running: None) -> None:
    page = signed_in(Role.VIEWER).get("/containers/local/web-1/").content.decode()
    assert STOP not in page
    assert "You need the permission “container.stop”" in page


def test_a_viewer_is_refused_and_it_is_recorded(signed_in: SignedIn, running: None) -> None:
    answer = signed_in(Role.VIEWER).post(STOP)
    assert answer.status_code == 403
    assert "container.stop" in answer.content.decode()
    assert not Job.objects.exists()
    assert AuditEntry.objects.get(action="container.stop").outcome == "refused"


def test_an_operator_stops_and_lands_on_the_job(signed_in: SignedIn, running: None) -> None:
    answer = signed_in(Role.OPERATOR).post(STOP)
    job = Job.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/jobs/{job.number}/")
    assert job.kind == "container.stop"


def test_a_script_gets_the_job_as_a_toast(signed_in: SignedIn, running: None) -> None:
    answer = signed_in(Role.OPERATOR).post(STOP, headers={"hx-request": "true"})
    number = Job.objects.get().number
    assert json.loads(answer["HX-Trigger"]) == {"naru:job": {"number": number}}
    assert f"/jobs/{number}/" in answer.content.decode()


def test_a_conflict_reaches_a_script_as_a_toast(signed_in: SignedIn) -> None:
    make_container("web-1", state="exited")
    answer = signed_in(Role.OPERATOR).post(STOP, headers={"hx-request": "true"})
    assert answer.status_code == 409
    assert "hx-swap-oob" in answer.content.decode()
    assert "<html" not in answer.content.decode()


@pytest.mark.parametrize("path", [STOP, "/jobs/1/cancel/", "/people/invite/", "/sign-out/"])
def test_nothing_changes_on_get(signed_in: SignedIn, running: None, path: str) -> None:
    assert signed_in(Role.ADMIN).get(path).status_code == 405


def test_a_forged_form_is_refused(running: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user(Role.ADMIN), backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post(STOP)
    assert answer.status_code == 403
    assert "came from another site" in answer.content.decode()
    assert not Job.objects.exists()


def test_a_job_is_cancelled_from_its_page(signed_in: SignedIn) -> None:
    job = make_job("container.stop", state="queued")
    admin = signed_in(Role.ADMIN)
    assert f"/jobs/{job.number}/cancel/" in admin.get(f"/jobs/{job.number}/").content.decode()
    admin.post(f"/jobs/{job.number}/cancel/")
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_the_starter_becomes_a_build(signed_in: SignedIn) -> None:
    make_host()
    admin = signed_in(Role.ADMIN)
    assert "/images/local/starter/" in admin.get("/").content.decode()
    answer = admin.post("/images/local/starter/")
    assert answer["Location"] == f"/builds/{Job.objects.get().number}/"
    make_image("hello-naru:latest")
    assert "/images/local/starter/" not in admin.get("/").content.decode()
