"""The instance's keys: made once, readable by their owner alone, never in the database or in Redis."""

import contextlib
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from console.hosts.signing_key import host_key
from console.operations.key_files import made_once, write_private
from console.project.environment import Environment, read_key


def ensure_secret_key(path: Path) -> str:
    """The key at ``path``, made if there is none. Two who begin at once get the same.

    Raises ImproperlyConfigured for an unreadable or empty key: what is derived from that, everybody knows.
    """
    with contextlib.suppress(PermissionError):
        made_once(path, lambda: secrets.token_urlsafe(48).encode())
    key = read_key(path)
    if not key:
        raise ImproperlyConfigured(f"{path} is empty or not ours to read; remove it to have a new key made")
    return key


def hand_out_host_key(environment: Environment, secret_key: str) -> None:
    """Write this machine's agent its key, derived from the secret key and worth nothing to other hosts."""
    write_private(environment.host_key_path, host_key(secret_key, environment.host_name))
