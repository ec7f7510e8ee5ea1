import pytest

from console.jobs import sending
from console.operations.actor import Actor
from console.operations.permissions import Role
from tests.factories.console import actor_of, make_host, make_user
from tests.fakes.broker import Broker


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    return broker


@pytest.fixture
def admin(db: None) -> Actor:
    make_host("local")
    return actor_of(make_user(Role.ADMIN))
