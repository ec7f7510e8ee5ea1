from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from console.operations.permissions import Role
from tests.factories.console import bearer, make_api_token, make_user

# method, path below /api/v1/, JSON body; headers by name
Call = Callable[..., Any]


@pytest.fixture
def call(db: None) -> Call:
    """Asks as an administrator's token that was made for everything a token can do."""
    return calling(make_api_token(make_user(Role.ADMIN), is_confirmed=True))


def calling(text: str) -> Call:
    def call(method: str, path: str, body: object = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        headers, address = {**bearer(text), **named}, f"/api/v1/{path}"
        if method == "get":
            return Client().get(address, headers=headers)
        given = "" if body is None else body
        return getattr(Client(), method)(address, given, content_type="application/json", headers=headers)

    return call
