"""Reading the log is itself on record, and so is moving old entries to a file."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from console.audit.chain import GENESIS, Row
from console.audit.exports import row_of
from console.audit.keys import signing_key
from console.audit.models import AuditEntry, AuditSegment
from console.audit.queries import AuditFilter
from console.audit.segments import path_of, sign, write_segment
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.runner import operation

MOST_IN_A_SEGMENT = 1_000_000


def note_reading(actor: Actor, wanted: AuditFilter, *, as_file: str = "") -> None:
    """``as_file``: the format it was taken away in."""
    narrowed = {name: value for name in wanted.__slots__ if (value := getattr(wanted, name))}
    with operation(actor, Permission.AUDIT_VIEW, anywhere=True, as_file=as_file or None, **narrowed):
        pass


def note_checking(actor: Actor) -> None:
    with operation(actor, Permission.AUDIT_VIEW, checked=True):
        pass


def seal_old_entries() -> AuditSegment | None:
    """Move what is older than ``NARU_AUDIT_KEEP_DAYS`` to a file, a segment at a time; 0 keeps all in the database."""
    if not settings.NARU_AUDIT_KEEP_DAYS:
        return None
    limit = timezone.now() - timedelta(days=settings.NARU_AUDIT_KEEP_DAYS)
    first_to_stay = AuditEntry.objects.filter(at__gte=limit).order_by("seq").values_list("seq", flat=True).first()
    oldest = AuditEntry.objects.order_by("seq").first()
    if oldest is None or first_to_stay is None or first_to_stay == oldest.seq:
        return None  # the newest entries stay whatever their age: the log goes on from them
    return _seal(oldest.seq, min(first_to_stay - 1, oldest.seq + MOST_IN_A_SEGMENT - 1))


def _seal(first: int, last: int) -> AuditSegment:
    before = AuditSegment.objects.order_by("-last").values_list("seal", flat=True).first() or GENESIS
    segment = AuditSegment(first=first, last=last, before=before, file_name=f"{first}-{last}.jsonl.zst")
    segment.sha256 = write_segment(_rows(first, last), path_of(segment))
    segment.seal = AuditEntry.objects.values_list("seal", flat=True).get(seq=last)
    segment.signature, segment.sealed_at = sign(segment, signing_key()), timezone.now()
    with operation(Actor.system("audit"), Permission.AUDIT_SEAL, first=first, last=last, sha256=segment.sha256) as op:
        segment.save()
        op.target(segment)
        AuditEntry.objects.filter(seq__lte=last).drop_sealed()
    return segment


def _rows(first: int, last: int) -> Iterator[tuple[Row, str]]:
    entries = AuditEntry.objects.filter(seq__gte=first, seq__lte=last).order_by("seq")
    for entry in entries.iterator(chunk_size=2000):
        yield row_of(entry), entry.seal
