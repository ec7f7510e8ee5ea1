"""Writes the audit row for the operations runner (setting ``NARU_RECORDER``)."""

from django.utils import timezone

from console.audit.chain import Row, details_text, seal
from console.audit.keys import seal_key
from console.audit.models import AuditEntry, AuditHead
from console.operations.runner import Operation, Outcome, publish_on_commit

REASON_LIMIT = 2000


def record(op: Operation, *, outcome: Outcome, reason: str) -> None:
    """Entries are numbered without gaps: the head is locked from here to the end of the transaction."""
    head = _locked_head()
    row = Row(
        seq=head.seq + 1,
        at=timezone.now(),
        actor_kind=op.actor.kind.value,
        actor_name=_text(op.actor.name, 150),
        address=_text(op.actor.address, 64),
        action=op.action.value,
        target_kind=op.target_kind,
        target_id=_text(op.target_id, 128),
        target_name=_text(op.target_name, 255),
        outcome=outcome.value,
        reason=_text(reason, REASON_LIMIT),
        details=details_text(op.details if op.actor.limits is None else {**op.details, "token": op.actor.limits.label}),
    )
    head.seq, head.seal = row.seq, seal(seal_key(), head.seal, row)
    where = {"workspace_pk": op.place.workspace_pk, "host_pk": op.place.host_pk}
    AuditEntry.objects.create(**row._asdict(), **where, seal=head.seal)
    head.save()
    publish_on_commit("rows.audit")


def _locked_head() -> AuditHead:
    head = AuditHead.objects.select_for_update().filter(pk=AuditHead.ONLY).first()
    return head or AuditHead(pk=AuditHead.ONLY)


def _text(said: str, longest: int) -> str:
    """What every database takes: without NUL and halves of characters, which a person may have typed."""
    return said.replace("\0", "\ufffd").encode(errors="replace").decode()[:longest]
