import pytest
from allauth.mfa import app_settings
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client

from console.accounts import factors
from console.accounts.models import User
from console.accounts.operations import make_recovery_codes
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.factories.console import actor_of, make_user, sign_in_browser

NOW = 1_800_000_000.0


class Clock:
    """The time that codes of an app are for."""

    def __init__(self) -> None:
        self.now = NOW

    def time(self) -> float:
        return self.now

    def next_code(self, secret: str) -> str:
        """The app's next code, when it has come."""
        self.now += app_settings.TOTP_PERIOD
        return self.code(secret)

    def code(self, secret: str, *, steps: int = 0) -> str:
        step = int(self.now) // app_settings.TOTP_PERIOD + steps
        return str(format_hotp_value(hotp_value(secret, step)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(factors, "time", clock)
    return clock


@pytest.fixture
def ada(db: None) -> User:
    return make_user(Role.OPERATOR, username="ada")


@pytest.fixture
def secret(ada: User, clock: Clock) -> str:
    """Of ada's app: signing in takes her two steps."""
    secret: str = generate_totp_secret()
    with writes_allowed("fixture"):
        factors.new_totp(ada, secret, clock.code(secret))
    return secret


@pytest.fixture
def recovery_codes(ada: User, secret: str) -> list[str]:
    return make_recovery_codes(actor_of(ada))


@pytest.fixture
def browser(ada: User) -> Client:
    """Ada's, in which she signed in just now."""
    return sign_in_browser(Client(), ada)
