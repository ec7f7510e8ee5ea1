"""What a webhook is sent, and its signature. Pure.

The signature is that of Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``, base64 after ``v1,``. The id is the
same each time a delivery is tried; the timestamp is when, in seconds since 1970, so a receiver can refuse old ones.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Told:
    """One event as receivers get it. ``text`` is English."""

    uid: str
    kind: str
    at: str
    count: int
    text: str
    link: str
    about: str
    name: str
    workspace: str | None
    host: str | None
    details: dict[str, Any]

    def body(self) -> bytes:
        document = {
            "id": self.uid,
            "type": self.kind,
            "timestamp": self.at,
            "data": {
                "text": self.text,
                "link": self.link,
                "about": {"id": self.about, "name": self.name},
                "workspace": self.workspace,
                "host": self.host,
                "count": self.count,
                "details": self.details,
            },
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def signed_headers(uid: str, body: bytes, *, secret: str, timestamp: int) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "webhook-id": uid,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature(uid, body, secret=secret, timestamp=timestamp)}",
    }


def signature(uid: str, body: bytes, *, secret: str, timestamp: int) -> str:
    content = f"{uid}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key_of(secret), content, hashlib.sha256).digest()).decode()


def key_of(secret: str) -> bytes:
    """A secret as Standard Webhooks writes them, ``whsec_`` and base64, is decoded; any other is its own bytes."""
    if secret.startswith(PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
