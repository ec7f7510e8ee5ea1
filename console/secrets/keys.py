"""The keys that secrets are encrypted with, in ``NARU_DATA/secrets/keys`` and in no database.

    0001.key    32 random bytes. The highest number is the one for new values; the others are there for older ones.

Several console machines over one database need copies of the same files.
"""

import secrets
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from console.operations.errors import Unavailable
from console.operations.key_files import made_once

_BYTES = 32


def current_key() -> tuple[int, bytes]:
    """Its number, and the key; the first is made when there is none."""
    number = max(key_numbers(), default=1)
    return number, _made(_path(number))


def key(number: int) -> bytes:
    """Unavailable when its file is gone: what was encrypted with it cannot be read."""
    path = _path(number)
    if not path.exists():
        # not made anew: another key opens nothing
        raise Unavailable(f"the key {path.name} of secrets is missing; put its file back")
    return _made(path)


def new_key() -> int:
    """Its number. From now on values are encrypted with it."""
    number = max(key_numbers(), default=0) + 1
    _made(_path(number))
    return number


def forget_key(number: int) -> None:
    _path(number).unlink(missing_ok=True)


def key_numbers() -> list[int]:
    return sorted(int(path.stem) for path in _folder().glob("*.key") if path.stem.isdecimal())


def _folder() -> Path:
    return Path(settings.NARU_DATA) / "secrets" / "keys"


def _path(number: int) -> Path:
    return _folder() / f"{number:04d}.key"


@lru_cache(maxsize=8)
def _made(path: Path) -> bytes:
    found = made_once(path, lambda: secrets.token_bytes(_BYTES))
    if len(found) != _BYTES:
        raise Unavailable(f"{path} must hold {_BYTES} bytes; put the right file back")
    return found
