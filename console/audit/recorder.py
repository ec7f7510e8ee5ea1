"""Writes the audit row for the operations runner (setting ``NARU_RECORDER``)."""

from console.audit.models import AuditEntry
from console.operations.runner import Operation, Outcome, publish_on_commit

REASON_LIMIT = 2000


def record(op: Operation, *, outcome: Outcome, reason: str) -> None:
    AuditEntry.objects.create(
        actor_kind=op.actor.kind.value,
        actor_name=op.actor.name[:150],
        address=op.actor.address[:64],
        action=op.action.value,
        target_kind=op.target_kind,
        target_id=op.target_id[:128],
        target_name=op.target_name[:255],
        outcome=outcome.value,
        reason=reason[:REASON_LIMIT],
        details=op.details,
    )
    publish_on_commit("rows.audit")
