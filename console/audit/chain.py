"""How entries hang together: each one's seal covers what it says and the seal before it. Pure.

    seal(n) = HMAC-SHA256(key, seal(n-1) LF canonical(n))        seal(0) = 64 zeros

``canonical`` is one JSON array of strings and one number, in UTF-8, so that no two entries look alike to the seal.
Whoever lacks the key, which is not in the database, can change, remove, insert or reorder nothing unseen; who removes
the newest entries is found by heads that were signed and given away before (``heads.py``).
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Final, NamedTuple

GENESIS: Final = "0" * 64
_FORMAT: Final = "naru-audit-1"


class Row(NamedTuple):
    """An entry as it lies in the database. ``at`` is UTC; ``details`` is JSON as ``details_text`` writes it."""

    seq: int
    at: datetime
    actor_kind: str
    actor_name: str
    address: str
    action: str
    target_kind: str
    target_id: str
    target_name: str
    outcome: str
    reason: str
    details: str


def canonical(row: Row) -> bytes:
    at = row.at.astimezone(UTC).isoformat(sep=" ", timespec="microseconds")
    # surrogates, which no database keeps, would raise here: an entry that cannot be sealed is not written
    return json.dumps([_FORMAT, row.seq, at, *row[2:]], ensure_ascii=False, separators=(",", ":")).encode()


def seal(key: bytes, before: str, row: Row) -> str:
    """64 hex digits."""
    return hmac.digest(key, b"%s\n%s" % (before.encode(), canonical(row)), "sha256").hex()


def details_text(details: dict[str, object]) -> str:
    return json.dumps(details, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def fingerprint(data: bytes) -> str:
    """16 hex digits that people can compare."""
    return hashlib.sha256(data).hexdigest()[:16]
