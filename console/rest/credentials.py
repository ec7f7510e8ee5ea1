"""A token as it travels: ``naru_<12 hex digits>_<43 letters>``. Pure.

The digits find its row; the letters are 256 random bits in URL-safe base64, of which the row has a SHA-256.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Self

_FORM = r"naru_([0-9a-f]{12})_([A-Za-z0-9_-]{43})"
_WHOLE = re.compile(_FORM)
# also where it was cut short or spelt on
_SOMEWHERE = re.compile(r"naru_[0-9a-f]{12}_[A-Za-z0-9_-]{8}")


@dataclass(frozen=True, slots=True)
class Credential:
    prefix: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        return cls(secrets.token_hex(6), secrets.token_urlsafe(32))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        match = _WHOLE.fullmatch(text)
        return cls(match[1], match[2]) if match else None

    @property
    def text(self) -> str:
        return f"naru_{self.prefix}_{self.secret}"

    @property
    def secret_hash(self) -> str:
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def matches(self, secret_hash: str) -> bool:
        return hmac.compare_digest(self.secret_hash, secret_hash)


def holds_a_token(text: str) -> bool:
    return _SOMEWHERE.search(text) is not None
