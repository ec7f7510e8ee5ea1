import pytest
from django.test import Client

from console.live import topics
from console.operations.permissions import Role
from tests.factories.console import make_user

BACKEND = "django.contrib.auth.backends.ModelBackend"


def browser(role: Role) -> Client:
    client = Client()
    client.force_login(make_user(role), backend=BACKEND)
    return client


@pytest.fixture
def viewer(transactional_db: None) -> Client:
    return browser(Role.VIEWER)


@pytest.fixture
def admin(transactional_db: None) -> Client:
    return browser(Role.ADMIN)


@pytest.fixture(autouse=True)
def own_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Topics that a test registers are forgotten after it."""
    monkeypatch.setattr(topics, "_topics", dict(topics._topics))
