"""Values of which a lock says only whether they are the same ones."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

SALT_BYTES = 16
# for what is secret, so that guessing is dear: 16 MiB and about 50 ms for each guess
SCRYPT = {"n": 2**14, "r": 8, "p": 1}
SCRYPT_MEMORY = 64 << 20


def value_hash(salt: str, kind: str, name: str, value: str) -> str:
    """Of ``kind`` ("env", "option"), so that equal values of different names look different."""
    text = "\0".join((kind, name, value)).encode(errors="surrogateescape")
    return "hmac-sha256:" + hmac.new(bytes.fromhex(salt), text, "sha256").hexdigest()


def secret_hash(salt: str, name: str, value: bytes) -> str:
    salted = bytes.fromhex(salt) + name.encode()
    return "scrypt:" + hashlib.scrypt(value, salt=salted, maxmem=SCRYPT_MEMORY, dklen=32, **SCRYPT).hex()


def canonical(document: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys, without spaces, as UTF-8: equal documents are equal bytes."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode(errors="surrogatepass")


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()
