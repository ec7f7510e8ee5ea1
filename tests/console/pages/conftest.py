from collections.abc import Callable

import pytest
from django.test import Client

from console.accounts.models import User
from console.operations.permissions import Role
from tests.factories.console import make_user

SignedIn = Callable[[Role], Client]


@pytest.fixture
def signed_in(db: None) -> SignedIn:
    """A browser in which somebody with the role has signed in."""

    def sign_in(role: Role) -> Client:
        client = Client()
        user: User = make_user(role)
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in
