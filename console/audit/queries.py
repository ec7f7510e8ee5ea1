"""Reading the audit log: what lies in the scopes in which audit.view is held; the rest is missing."""

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from console.audit.chain import fingerprint
from console.audit.keys import public_key
from console.audit.models import AuditCheck, AuditCheckpoint, AuditEntry, AuditSegment
from console.audit.witnesses import witnesses
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded, may

PATHS = Paths(workspace="workspace_pk", host="host_pk")


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Each given field narrows. ``target`` matches a target's id or part of its name."""

    actor_name: str = ""
    action: str = ""
    outcome: str = ""
    target_kind: str = ""
    target: str = ""


def visible_entries(actor: Actor, wanted: AuditFilter | None = None) -> QuerySet[AuditEntry]:
    """Newest first; page by ``.filter(seq__lt=last_seen)``."""
    entries = bounded(actor, Permission.AUDIT_VIEW, AuditEntry.objects.order_by("-seq"), PATHS)
    wanted = wanted or AuditFilter()
    for name in ("actor_name", "action", "outcome", "target_kind"):
        if value := getattr(wanted, name):
            entries = entries.filter(**{name: value})  # name is one of the four above, never the request's
    if wanted.target:
        entries = entries.filter(Q(target_id=wanted.target) | Q(target_name__icontains=wanted.target))
    return entries


def get_entry(actor: Actor, seq: int) -> AuditEntry:
    entry = visible_entries(actor).filter(seq=seq).first()
    if entry is None:
        raise Missing(_("There is no audit entry %(seq)s.") % {"seq": seq})
    return entry


def recorded_actions(actor: Actor) -> list[str]:
    """The actions that occur in the log, for a filter's choices."""
    return list(visible_entries(actor).order_by("action").values_list("action", flat=True).distinct())


def latest_check(actor: Actor) -> AuditCheck | None:
    return AuditCheck.objects.filter(pk=AuditCheck.ONLY).first() if may(actor, Permission.AUDIT_VIEW) else None


def integrity(actor: Actor) -> dict[str, Any]:
    """What is known about the log's being whole: the latest check, the latest head, the key, witnesses and files.

    Of the whole log, so audit.view is needed over everything.
    """
    if not may(actor, Permission.AUDIT_VIEW):
        raise Missing(_("There is no such page."))
    raw = public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        "check": latest_check(actor),
        "head": AuditCheckpoint.objects.order_by("-pk").first(),
        "key": fingerprint(raw),
        "witnesses": [witness.name for witness in witnesses()],
        "segments": AuditSegment.objects.all(),
    }
