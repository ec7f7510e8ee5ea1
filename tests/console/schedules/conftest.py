from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.accounts.models import User
from console.jobs import sending
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.schedules.models import Schedule
from tests.factories.console import make_host, make_user, make_workspace
from tests.fakes.broker import Broker

# a time of "0 * * * *", and a moment at which it is looked at in time
DUE = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
JUST_AFTER = DUE + timedelta(seconds=3)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    return broker


@pytest.fixture
def owner(db: None) -> User:
    return make_user(Role.DEVELOPER, username="kim")


def make_schedule(owner: User | None = None, **facts: Any) -> Schedule:
    """Hourly builds, of which one is due at DUE."""
    given = {
        "name": "Hourly",
        "kind": "image.build",
        "host": make_host(),
        "workspace": make_workspace(),
        "inputs": {"tag": "a:1", "dockerfile": "FROM scratch\n"},
        "cron": "0 * * * *",
        "time_zone": "UTC",
        "owner": owner,
        "owner_name": owner.username if owner is not None else "nobody",
        "next_at": DUE,
        **facts,
    }
    with writes_allowed("factory"):
        return Schedule.objects.create(**given)
