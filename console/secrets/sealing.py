"""Values encrypted with AES-256-GCM: 12 random bytes, then the ciphertext with its tag. Pure but for the random bytes.

``about`` says which row it is of. It is no part of the ciphertext, but another one opens nothing: a value that was
copied to another row, of another workspace, is not read there.
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12


class NotOurs(ValueError):
    """It was encrypted with another key, or for another row, or was changed."""


def seal(value: bytes, *, key: bytes, about: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, value, about.encode())


def unseal(sealed: bytes, *, key: bytes, about: str) -> bytes:
    """Raises NotOurs."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
    except (InvalidTag, ValueError) as error:
        raise NotOurs("this was not encrypted with this key for this place") from error
