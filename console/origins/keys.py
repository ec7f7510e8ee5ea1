"""The secrets of hooks: each made out of one key and a nonce in the hook's row, so none is kept.

``NARU_DATA/secrets/hooks.key`` holds 32 random bytes. Several console machines over one database need the same file.
"""

import hashlib
import hmac
import secrets
from pathlib import Path

from django.conf import settings

from console.operations.key_files import made_once


def new_nonce() -> str:
    return secrets.token_hex(16)


def hook_secret(origin_pk: int, nonce: str) -> str:
    """64 hexadecimal digits."""
    key = made_once(Path(settings.NARU_DATA) / "secrets" / "hooks.key", lambda: secrets.token_bytes(32))
    return hmac.new(key, f"hook of origin {origin_pk}: {nonce}".encode(), hashlib.sha256).hexdigest()
