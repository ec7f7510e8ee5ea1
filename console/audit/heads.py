"""Signed heads: where the log stood at some moment, in one line that anybody can keep and check. Pure.

    {"format":"naru-head-1","seq":1204,"seal":"ab…","at":"2026-11-25 21:00:00.000000+00:00","signature":"…"}

A log that is shorter than a head, or says something else at its number, is not the log that was signed.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_FORMAT: Final = "naru-head-1"
LONGEST_LINE: Final = 1024


class BadHead(ValueError):
    """No head, or one that we did not sign."""


@dataclass(frozen=True, slots=True)
class Head:
    """``seal`` is that of entry ``seq``; ``at`` is when it was signed, UTC."""

    seq: int
    seal: str
    at: datetime

    @property
    def signed_text(self) -> bytes:
        at = self.at.astimezone(UTC).isoformat(sep=" ", timespec="microseconds")
        return json.dumps([_FORMAT, self.seq, self.seal, at], separators=(",", ":")).encode()

    def line(self, key: Ed25519PrivateKey) -> str:
        """Without a line feed."""
        signature = base64.b64encode(key.sign(self.signed_text)).decode()
        _format, seq, seal, at = json.loads(self.signed_text)
        document = {"format": _FORMAT, "seq": seq, "seal": seal, "at": at, "signature": signature}
        return json.dumps(document, separators=(",", ":"))

    @classmethod
    def read(cls, line: str, key: Ed25519PublicKey) -> Self:
        """Raises BadHead."""
        try:
            document: dict[str, Any] = json.loads(line[:LONGEST_LINE])
            at = datetime.fromisoformat(str(document["at"]))
            if document["format"] != _FORMAT or at.tzinfo is None:
                raise BadHead("this is no signed head of an audit log")
            head = cls(int(document["seq"]), str(document["seal"]), at)
            key.verify(base64.b64decode(str(document["signature"]), validate=True), head.signed_text)
        except InvalidSignature as error:
            raise BadHead("its signature is not ours") from error
        except (binascii.Error, KeyError, TypeError, ValueError, RecursionError) as error:
            raise BadHead(f"this is no signed head of an audit log: {error}") from error
        return head
