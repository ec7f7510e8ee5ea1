from collections.abc import Callable

import pytest
from django.test import Client

from console.operations.permissions import Role
from tests.factories.console import make_user, sign_in_browser

SignedIn = Callable[[Role], Client]


@pytest.fixture
def signed_in(db: None) -> SignedIn:
    """A browser in which somebody with the role has signed in just now."""

    def sign_in(role: Role) -> Client:
        return sign_in_browser(Client(), make_user(role))

    return sign_in
