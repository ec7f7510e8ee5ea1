"""A fresh container in the place of one that was changed."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.containers import present
from console.containers.models import Container
from console.files.operations import reset_container
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Denied, Unavailable, Unconfirmed
from console.operations.permissions import Role
from tests.console.files.conftest import FakeFiles, as_inspected
from tests.factories.console import actor_of, make_image, make_user, sign_in_browser

ADDRESS = "/containers/local/web-1/files/reset/"


@pytest.fixture
def changed(container: Container, fake_files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> Container:
    monkeypatch.setattr(present, "inspected", as_inspected)
    make_image("a:1")
    return container


def developer(*, confirmed_ago: timedelta) -> Actor:
    return Actor.of_user(make_user(Role.DEVELOPER), confirmed_at=timezone.now() - confirmed_ago)


def test_it_asks_who_it_is_and_then_becomes_a_job(changed: Container) -> None:
    with pytest.raises(Unconfirmed):
        reset_container(developer(confirmed_ago=timedelta(minutes=11)), "local", "web-1")
    assert not Job.objects.exists()
    job = reset_container(developer(confirmed_ago=timedelta()), "local", "web-1")
    assert (job.kind, job.args["image"], job.args["engine_id"]) == ("container.replace", "a:1", changed.engine_id)
    assert job.args["mounts"]


def test_who_may_not_is_refused(changed: Container) -> None:
    with pytest.raises(Denied) as refused:
        reset_container(actor_of(make_user(Role.OPERATOR)), "local", "web-1")
    assert not isinstance(refused.value, Unconfirmed)


def test_the_page_says_what_is_lost_and_what_stays(changed: Container) -> None:
    page = sign_in_browser(Client(), make_user(Role.DEVELOPER)).get(ADDRESS).content.decode()
    page = " ".join(page.split())
    assert "app.conf" in page
    # noise is lost like everything else
    assert "1 added" in page
    assert "> /data<" in page or ">/data<" in page
    # a:1 is another image than the one it was made of
    assert "means another image by now" in page


def test_it_is_asked_for_by_name(changed: Container) -> None:
    browser = sign_in_browser(Client(), make_user(Role.DEVELOPER))
    assert browser.post(ADDRESS, {"confirmation": "web-2"}).status_code == 400
    assert not Job.objects.exists()
    assert browser.post(ADDRESS, {"confirmation": "web-1"})["Location"].startswith("/jobs/")


def test_a_browser_without_a_proof_is_asked_for_one(changed: Container) -> None:
    browser = sign_in_browser(Client(), make_user(Role.DEVELOPER), is_confirmed=False)
    answer = browser.post(ADDRESS, {"confirmation": "web-1"})
    assert answer.status_code == 403
    assert reverse("accounts:confirm") in answer.content.decode()


def test_an_engine_that_is_away_offers_no_reset(changed: Container, fake_files: FakeFiles) -> None:
    fake_files.error = Unavailable("the engine did not answer in time")
    answer = sign_in_browser(Client(), make_user(Role.DEVELOPER)).get(ADDRESS)
    assert answer.status_code == 503
    assert 'name="confirmation"' not in answer.content.decode()
