"""The log's two keys, in ``NARU_DATA/audit`` and in no database: one seals entries, one signs heads.

    seal.key       32 random bytes; who has it could write a chain anew
    signing.pem    an Ed25519 private key; who has it could sign another head
    signing.pub    its public half, to be given to whoever checks

Several console machines over one database need copies of the same files.
"""

import secrets
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from console.operations.key_files import made_once

_SEAL_BYTES = 32


def folder() -> Path:
    return Path(settings.NARU_DATA) / "audit"


def seal_key() -> bytes:
    return _seal_key(folder() / "seal.key")


def signing_key() -> Ed25519PrivateKey:
    return _signing_key(folder() / "signing.pem")


def public_key(path: Path | None = None) -> Ed25519PublicKey:
    """Of ``path``, or our own."""
    if path is None:
        return signing_key().public_key()
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise ImproperlyConfigured(f"{path} holds no Ed25519 public key")
    return key


@lru_cache(maxsize=4)
def _seal_key(path: Path) -> bytes:
    key = made_once(path, lambda: secrets.token_bytes(_SEAL_BYTES))
    if len(key) != _SEAL_BYTES:
        raise ImproperlyConfigured(f"{path} must hold {_SEAL_BYTES} bytes; put the right file back")
    return key


@lru_cache(maxsize=4)
def _signing_key(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(made_once(path, _new_signing_key), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"{path} holds no Ed25519 private key")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    made_once(path.with_suffix(".pub"), lambda: public)
    return key


def _new_signing_key() -> bytes:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
