"""What the log does by itself: heads are signed and given away, what was written is checked."""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.utils import timezone

from console.audit.heads import Head
from console.audit.keys import public_key, seal_key, signing_key
from console.audit.models import AuditCheck, AuditCheckpoint, AuditHead
from console.audit.verification import Report, verify
from console.audit.witnesses import kept_lines, tell_all
from console.operations.actor import Actor
from console.operations.happenings import EventKind, Happening, happened
from console.operations.runner import observation, publish_on_commit

log = structlog.get_logger(__name__)
# also when nothing happens: a log that was rolled back is older than it
LONGEST_SILENCE = timedelta(hours=1)


def sign_head() -> str:
    """The head as a signed line, also given to the witnesses; empty when nothing has happened since the last one."""
    head = AuditHead.objects.filter(pk=AuditHead.ONLY).first()
    latest = AuditCheckpoint.objects.order_by("-pk").first()
    now = timezone.now()
    if head is None or (latest and latest.seq == head.seq and now - latest.at < LONGEST_SILENCE):
        return ""
    line = Head(head.seq, head.seal, now).line(signing_key())
    # the witnesses first: what they do not know yet cannot be missed by them
    tell_all(line)
    with observation(Actor.system("audit")):
        AuditCheckpoint.objects.create(seq=head.seq, at=now, line=line)
    return line


def check(*, witnessed: Sequence[str] = ()) -> Report:
    """Verify the whole log, against ``witnessed`` and what this machine's witnesses hold, and write down the result."""
    report = verify(seal_key(), public_key(), witnessed=[*kept_lines(), *witnessed])
    if not report.is_whole:
        log.error("the audit log is not what was written", findings=report.findings)
    with observation(Actor.system("audit")):
        finding = "\n".join(report.findings)
        before = AuditCheck.objects.filter(pk=AuditCheck.ONLY).values_list("finding", flat=True).first() or ""
        if finding and finding != before:
            # checks go on finding the same
            details = {"reason": report.findings[0]}
            happened(Happening(EventKind.AUDIT_BROKEN, "audit", "audit", details=details, link="/audit/integrity/"))
        facts = {"at": timezone.now(), "entries": report.entries, "heads": report.heads}
        AuditCheck.objects.update_or_create(pk=AuditCheck.ONLY, defaults={**facts, "finding": finding})
        publish_on_commit("rows.audit")
    return report
