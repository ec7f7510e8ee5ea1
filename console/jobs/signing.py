"""Messages to agents carry a MAC, so that whoever can write to Redis cannot make a host do something.

Each host has a key of its own (console.hosts.signing_key); an agent knows only its own. Values of secrets
travel in a message encrypted with another key that both derive from it, so that whoever can read Redis reads none. A
third one is for what an agent tells of the text that programs print.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from console.operations.errors import Denied

_NONCE_BYTES = 12


def sign(message: dict[str, Any], key: str) -> dict[str, Any]:
    """``message`` with its MAC in ``mac``."""
    return {**message, "mac": _mac(message, key)}


def verify(signed: dict[str, Any], key: str) -> dict[str, Any]:
    """The message without its MAC. Denied when it was not made with ``key``."""
    message = {name: value for name, value in signed.items() if name != "mac"}
    given = str(signed.get("mac", "")).encode(errors="replace")
    if not key or not hmac.compare_digest(given, _mac(message, key).encode()):
        raise Denied("the message is not signed with this host's key")
    return message


def seal_values(values: Mapping[str, str], key: str, *, job: int, attempt: int) -> str:
    """Secrets for one attempt, by name; they open for no other. Empty for none."""
    if not values:
        return ""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(_values_key(key)).encrypt(nonce, json.dumps(dict(values)).encode(), _about(job, attempt))
    return base64.b64encode(nonce + sealed).decode()


def open_values(text: str, key: str, *, job: int, attempt: int) -> dict[str, str]:
    """Denied when it was not sealed with ``key`` for this attempt."""
    if not text:
        return {}
    try:
        raw = base64.b64decode(text, validate=True)
        opened = AESGCM(_values_key(key)).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _about(job, attempt))
    except (InvalidTag, ValueError) as error:
        raise Denied("the secrets in the message are not sealed with this host's key") from error
    values: dict[str, str] = json.loads(opened)
    return values


def seal_told(text: bytes, key: str, *, about: str) -> str:
    """What an agent tells that may hold what programs print: Redis is to hold ciphertext, and nobody else to say it."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(_told_key(key)).encrypt(nonce, text, about.encode())).decode()


def open_told(sealed: str, key: str, *, about: str) -> bytes:
    """Denied when it was not sealed with ``key``, or about something else."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        return AESGCM(_told_key(key)).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], about.encode())
    except (InvalidTag, ValueError) as error:
        raise Denied("what the agent tells is not sealed with its host's key") from error


def _told_key(key: str) -> bytes:
    return hmac.new(key.encode(), b"naru told by an agent", hashlib.sha256).digest()


def _values_key(key: str) -> bytes:
    return hmac.new(key.encode(), b"naru secrets on their way", hashlib.sha256).digest()


def _about(job: int, attempt: int) -> bytes:
    return f"naru job {job} attempt {attempt}".encode()


def _mac(message: dict[str, Any], key: str) -> str:
    canonical = json.dumps(message, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(key.encode(), canonical, hashlib.sha256).hexdigest()
