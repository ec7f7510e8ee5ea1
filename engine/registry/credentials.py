"""What a client gives the engine to sign in with: the headers ``X-Registry-Auth`` and ``X-Registry-Config``."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from engine.model.errors import Invalid, TooLarge
from engine.registry.endpoints import is_same_registry
from engine.wire.json_body import decode, parse_object
from engine.wire.text import check_text

_LONGEST = 64 << 10


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and password, or an ``identity_token`` to get tokens with, or a ``registry_token`` to show as it is."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""
    server_address: str = ""

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, …)"

    def __bool__(self) -> bool:
        return bool(self.username or self.identity_token or self.registry_token)


class _AuthConfig(msgspec.Struct):
    username: str = ""
    password: str = ""
    auth: str = ""
    identitytoken: str = ""
    registrytoken: str = ""
    serveraddress: str = ""


def decode_header(text: str) -> Credentials:
    """``X-Registry-Auth``. Raises Invalid."""
    return decode_credentials(_object("X-Registry-Auth", text), field="X-Registry-Auth")


def decode_config(text: str) -> Mapping[str, Credentials]:
    """``X-Registry-Config``: credentials by server address. Raises Invalid."""
    field = "X-Registry-Config"
    found = {}
    for address, value in _object(field, text).items():
        if not isinstance(value, dict):
            raise Invalid(f"{field}: {address[:80]!r} must be an object")
        found[address] = decode_credentials(value, field=field)
    return found


def credentials_for(domain: str, given: Mapping[str, Credentials]) -> Credentials:
    """Those that were given for the registry ``domain``, else none."""
    for address, credentials in given.items():
        if is_same_registry(address, domain):
            return credentials
    return Credentials()


def decode_credentials(value: dict[str, Any], *, field: str) -> Credentials:
    try:
        given = decode(value, _AuthConfig)
    except Invalid as error:
        raise Invalid(f"{field}: {error}") from error
    username, password = given.username, given.password
    if given.auth and not username:
        username, _, password = _base64(field, given.auth).decode("utf-8", "replace").partition(":")
    for name, text in (("username", username), ("password", password), ("serveraddress", given.serveraddress)):
        check_text(f"{field}: {name}", text, longest=4096)
    if ":" in username:
        raise Invalid(f"{field}: username must not contain a colon")
    return Credentials(username, password, given.identitytoken, given.registrytoken, given.serveraddress)


def _object(field: str, text: str) -> dict[str, Any]:
    data = _base64(field, text)
    if data.strip() in (b"", b"null"):
        return {}
    try:
        return parse_object(data)
    except Invalid as error:
        raise Invalid(f"{field}: {error}") from error


def _base64(field: str, text: str) -> bytes:
    """Either alphabet, with or without padding: clients differ."""
    if len(text) > _LONGEST:
        raise TooLarge(f"{field}: more than {_LONGEST} bytes")
    bare = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{field}: not base64url: {error}") from error
