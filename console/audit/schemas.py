"""The audit log as the API shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field

from console.audit.models import AuditEntry
from console.audit.queries import AuditFilter
from console.rest.schemas import Given, Paging, Shown


class EntryShown(Shown):
    seq: int
    at: datetime
    actor_kind: str
    actor_name: str
    address: str
    action: str
    target_kind: str
    target_id: str
    target_name: str
    outcome: AuditEntry.OutcomeChoice
    reason: str
    details: dict[str, Any]
    seal: str

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        names = set(cls.model_fields) - {"outcome"}
        return cls(outcome=AuditEntry.OutcomeChoice(entry.outcome), **{name: getattr(entry, name) for name in names})


class EntryFilter(Given):
    who: str = Field("", max_length=150)
    action: str = Field("", max_length=64)
    outcome: AuditEntry.OutcomeChoice | None = None
    target: str = Field("", max_length=255, description="A target's id, or part of its name.")

    @property
    def wanted(self) -> AuditFilter:
        names = {"actor_name": self.who, "action": self.action, "target": self.target}
        return AuditFilter(outcome=self.outcome or "", **names)


class EntryQuery(Paging, EntryFilter):
    pass


class ExportQuery(EntryFilter):
    format: Literal["csv", "jsonl"] = "jsonl"


class IntegrityShown(Shown):
    finding: str | None = Field(description="What the latest check found; empty: all was well; null: not checked yet.")
    checked_at: datetime | None
    entries: int | None
    newest_signed: int | None = Field(description="The number of the newest entry whose seal was signed.")
    key: str = Field(description="The signing key's fingerprint.")
    witnesses: list[str]
    segments: list[str] = Field(description="Files that hold older entries.")

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """``found`` by console.audit.queries.integrity."""
        check, head = found["check"], found["head"]
        return cls(
            finding=check.finding if check else None,
            checked_at=check.at if check else None,
            entries=check.entries if check else None,
            newest_signed=head.seq if head else None,
            key=found["key"],
            witnesses=found["witnesses"],
            segments=[segment.file_name for segment in found["segments"]],
        )
