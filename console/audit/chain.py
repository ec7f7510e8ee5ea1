"""How entries hang together: each one's seal covers what it says and the seal before it. Pure.

    seal(n) = HMAC-SHA256(key, seal(n-1) LF canonical(n))        seal(0) = 64 zeros

``canonical`` is one JSON array of strings and one number, in UTF-8, so that no two entries look alike to the seal.
Whoever lacks the key, which is not in the database, can change, remove, insert or reorder nothing unseen; who removes
the newest entries is found by heads that were signed and given away before (``heads.py``).
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

GENESIS: Final = "0" * 64
_FORMAT: Final = "naru-audit-1"
# what json.dumps(…, ensure_ascii=False, separators=(",", ":")) writes, in a seventh of its time
_encode = msgspec.json.Encoder().encode


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


def time_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(" ", "microseconds")


def canonical(row: Row) -> bytes:
    return canonical_text(row.seq, time_text(row.at), row[2:])


def canonical_text(seq: int, at: str, rest: Sequence[str]) -> bytes:
    """``at`` as ``time_text`` has it; ``rest`` is what follows in a Row."""
    # surrogates, which no database keeps, would raise here: an entry that cannot be sealed is not written
    return _encode([_FORMAT, seq, at, *rest])


def seal(key: bytes, before: str, row: Row) -> str:
    """64 hex digits."""
    return seal_text(key, before, canonical(row))


def seal_text(key: bytes, before: str, content: bytes) -> str:
    """``content`` is canonical."""
    keyed = _keyed(key).copy()
    keyed.update(b"%s\n%s" % (before.encode(), content))
    return keyed.hexdigest()


@lru_cache(maxsize=4)
def _keyed(key: bytes) -> hmac.HMAC:
    """Copies of one are made in half the time that a new one takes."""
    return hmac.new(key, digestmod="sha256")


def details_text(details: dict[str, object]) -> str:
    return json.dumps(details, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def fingerprint(data: bytes) -> str:
    """16 hex digits that people can compare."""
    return hashlib.sha256(data).hexdigest()[:16]
