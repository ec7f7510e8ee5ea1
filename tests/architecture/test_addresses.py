"""Every address is for people who are signed in, but for a short list. Those of the API say so in their own way."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter

OPEN = {
    "accounts:sign_in": "how one gets in",
    "accounts:sign_in_by_passkey": "how one gets in",
    "accounts:second_factor": "how one gets in: it wants a first factor shown just now",
    "accounts:request_options": "what a browser is asked for a passkey, before it is known whose",
    "accounts:invitation": "knowing the token is the permission",
    "accounts:reset": "knowing the token is the permission",
    "openid_connect_login": "how one gets in, at a provider",
    "openid_connect_callback": "how one comes back from a provider",
    "shares:shared": "knowing the token is the permission",
    "shares:lines": "knowing the token is the permission",
    "shares:text": "knowing the token is the permission",
    "origins:ring": "knowing the hook's secret, by a signature, is the permission",
    "metrics:metrics": "an API token with metrics.view, and nothing else, is let in",
    "web:theme": "sets a cookie that the sign-in page honours",
    "web:language": "sets a cookie that the sign-in page honours",
}


def patterns(resolver: URLResolver, names: str = "", prefix: str = "/") -> Iterator[tuple[str, str, URLPattern]]:
    for entry in resolver.url_patterns:
        address = prefix + _example(entry)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, f"{names}{entry.namespace}:" if entry.namespace else names, address)
        else:
            yield f"{names}{entry.name}", address, entry


def _example(entry: URLPattern | URLResolver) -> str:
    text = str(entry.pattern)
    for name, converter in entry.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
        example = "1" if isinstance(converter, IntConverter) or name.endswith(("number", "_id", "seq")) else "a1b2c3"
        text = text.replace(f"<{kind}:{name}>", example).replace(f"<{name}>", example)
    assert "<" not in text
    return text


EVERY = list(patterns(get_resolver()))
API = [found for found in EVERY if found[0].startswith("api:")]
ALL = [found for found in EVERY if found not in API]
# of the API: what it is, and that there is nothing else
OPEN_API = {"api:openapi": 200, "api:root": 404, "api:nothing": 404}


def test_the_list_of_open_addresses_is_complete_and_not_longer_than_true() -> None:
    assert {name for name, _, entry in ALL if not getattr(entry.callback, "login_required", True)} == OPEN.keys()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(("name", "address"), [(name, address) for name, address, _ in ALL if name not in OPEN])
def test_a_stranger_is_sent_to_sign_in(client: Client, db: None, method: str, name: str, address: str) -> None:
    answer = getattr(client, method)(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize(("name", "address"), [(name, address) for name, address, _ in API])
def test_the_api_tells_a_stranger_to_send_a_token(client: Client, db: None, name: str, address: str) -> None:
    for method in ("get", "post", "put", "patch", "delete"):
        answer = getattr(client, method)(address)
        assert answer.status_code in (OPEN_API.get(name, 401), 405)
        assert answer.status_code == 200 or answer["Content-Type"] == "application/problem+json"
        assert (answer.status_code == 401) == ("WWW-Authenticate" in answer)


def test_there_is_an_api() -> None:
    assert len(API) > 50
