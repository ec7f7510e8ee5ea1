from collections.abc import Iterator

import pytest
from pytest_django import Settings

from console.jobs import sending
from console.notifications.models import Channel, Rule
from console.operations.governed import writes_allowed
from tests.factories.console import make_secret
from tests.factories.notifications import make_channel
from tests.fakes.broker import Broker
from tests.fakes.hostile_server import HostileServer

KEY = "canary-signing-key"


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    return broker


@pytest.fixture
def no_rules(db: None) -> None:
    """Without the one that every instance begins with."""
    with writes_allowed("test"):
        Rule.objects.all().delete()


@pytest.fixture
def receiver(settings: Settings) -> Iterator[HostileServer]:
    """A web server that the machine's administrator lets the console ask."""
    settings.NARU_OUTBOUND_ALLOW = "127.0.0.1/32"
    with HostileServer() as running:
        yield running


@pytest.fixture
def channel(no_rules: None, receiver: HostileServer) -> Channel:
    return make_channel("pager", url=f"{receiver.url}/hook?token=url-canary", secret=make_secret("hook-key", KEY))
