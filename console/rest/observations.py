"""Requests with an Idempotency-Key, as they come and as they are answered."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from console.operations.actor import Actor
from console.operations.runner import observation
from console.rest.models import KeyedRequest

KEPT = timedelta(hours=24)


def begin(actor: Actor, *, key_hash: str, request_hash: str) -> tuple[KeyedRequest, bool]:
    """The row of that key, and whether it is new: of those who begin at the same moment one has a new row."""
    now = timezone.now()
    facts: dict[str, Any] = {"user_id": actor.user_pk, "request_hash": request_hash, "began_at": now}
    with observation(actor):
        KeyedRequest.objects.filter(began_at__lt=now - KEPT).delete()
        return KeyedRequest.objects.get_or_create(key_hash=key_hash, defaults=facts)


def finish(actor: Actor, row: KeyedRequest, *, status: int, sealed: str) -> None:
    with observation(actor):
        KeyedRequest.objects.filter(pk=row.pk).update(status=status, sealed=sealed)


def forget(actor: Actor, row: KeyedRequest) -> None:
    """Nothing was done: the next request with that key may do it."""
    with observation(actor):
        KeyedRequest.objects.filter(pk=row.pk).delete()
