from collections.abc import Iterable
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from console.audit.chain import GENESIS, Row
from console.audit.fields import SealedJson
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.runner import Outcome

# as they lie in the table and go into the seal
SEALED = Row._fields


class AppendOnly(RuntimeError):
    """Somebody tried to rewrite what happened."""


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **_changes: Any) -> int:
        raise AppendOnly("audit entries are never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("audit entries are never deleted")

    def drop_sealed(self) -> int:
        """Entries that lie in a segment's file go; no others do. Returns how many."""
        last = AuditSegment.objects.aggregate(models.Max("last"))["last__max"] or 0
        return models.QuerySet.delete(self.filter(seq__lte=last))[0]

    def bulk_create(self, objs: Iterable["AuditEntry"], *args: Any, **options: Any) -> list["AuditEntry"]:
        if args or options.keys() & {"ignore_conflicts", "update_conflicts"}:
            raise AppendOnly("audit entries are never changed")
        return super().bulk_create(objs, **options)


class AuditEntry(models.Model):
    class OutcomeChoice(models.TextChoices):
        ALLOWED = Outcome.ALLOWED.value, _("allowed")
        REFUSED = Outcome.REFUSED.value, _("refused")
        FAILED = Outcome.FAILED.value, _("failed")

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16)
    actor_name = models.CharField(max_length=150, blank=True)
    address = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64)
    target_kind = models.CharField(max_length=32, blank=True)
    target_id = models.CharField(max_length=128, blank=True)
    target_name = models.CharField(max_length=255, blank=True)
    # keys of the workspace and host it was about, which may be gone since; null: of the console itself
    workspace_pk = models.BigIntegerField(null=True, blank=True)
    host_pk = models.BigIntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=OutcomeChoice.choices)
    reason = models.TextField(blank=True)
    details = SealedJson(default=dict)
    seal = models.CharField(max_length=64)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-seq"]
        indexes = [
            models.Index(fields=["action", "-seq"]),
            models.Index(fields=["actor_name", "-seq"]),
            models.Index(fields=["target_kind", "target_id", "-seq"]),
            models.Index(fields=["workspace_pk", "-seq"]),
        ]

    def __str__(self) -> str:
        return f"{self.seq}: {self.actor_name} {self.action} {self.target_name} {self.outcome}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("audit entries are never changed")
        options["force_insert"] = True
        super().save(*args, **options)

    def delete(self, *_args: Any, **_options: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly("audit entries are never deleted")


class AuditHead(models.Model):
    """The newest entry's number and seal: one row, locked by whoever writes the next entry."""

    ONLY = 1

    seq = models.BigIntegerField(default=0)
    seal = models.CharField(max_length=64, default=GENESIS)

    def __str__(self) -> str:
        return f"{self.seq}: {self.seal}"


class AuditCheckpoint(Governed):
    """A head that was signed. ``line`` is what witnesses were given."""

    seq = models.BigIntegerField()
    at = models.DateTimeField()
    line = models.TextField()

    objects = GovernedQuerySet["AuditCheckpoint"].as_manager()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.line


class AuditSegment(Governed):
    """Old entries that lie in a file now. ``before`` and ``seal`` are the seals before its first and of its last."""

    first = models.BigIntegerField(unique=True)
    last = models.BigIntegerField(unique=True)
    before = models.CharField(max_length=64)
    seal = models.CharField(max_length=64)
    file_name = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64)
    signature = models.CharField(max_length=100)
    sealed_at = models.DateTimeField()

    objects = GovernedQuerySet["AuditSegment"].as_manager()

    class Meta:
        ordering = ["first"]

    def __str__(self) -> str:
        return f"{self.first}-{self.last}: {self.file_name}"


class AuditCheck(Governed):
    """The latest verification: one row. ``finding`` is empty when all was well."""

    ONLY = 1

    at = models.DateTimeField()
    entries = models.BigIntegerField()
    heads = models.BigIntegerField()
    finding = models.TextField(blank=True)

    objects = GovernedQuerySet["AuditCheck"].as_manager()

    def __str__(self) -> str:
        return self.finding or f"{self.entries} entries are whole"
