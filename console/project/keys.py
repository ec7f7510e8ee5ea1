"""The instance's keys: made once, readable by their owner alone, never in the database or in Redis."""

import os
import secrets
from pathlib import Path

from console.jobs.signing import host_key
from console.project.environment import Environment, read_key


def ensure_secret_key(path: Path) -> str:
    """The key at ``path``, made if there is none. Two who begin at once get the same."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return read_key(path)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    return read_key(path)


def hand_out_host_key(environment: Environment, secret_key: str) -> None:
    """Write this machine's agent its key, derived from the secret key and worth nothing to other hosts."""
    path = environment.host_key_path
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(host_key(secret_key, environment.host_name))
    new.rename(path)
