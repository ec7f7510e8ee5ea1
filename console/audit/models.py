from collections.abc import Iterable
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from console.operations.runner import Outcome


class AppendOnly(RuntimeError):
    """Somebody tried to rewrite what happened."""


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **_changes: Any) -> int:
        raise AppendOnly("audit entries are never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("audit entries are never deleted")

    def bulk_create(self, objs: Iterable["AuditEntry"], *args: Any, **options: Any) -> list["AuditEntry"]:
        if args or options.keys() & {"ignore_conflicts", "update_conflicts"}:
            raise AppendOnly("audit entries are never changed")
        return super().bulk_create(objs, **options)


class AuditEntry(models.Model):
    class OutcomeChoice(models.TextChoices):
        ALLOWED = Outcome.ALLOWED.value, _("allowed")
        REFUSED = Outcome.REFUSED.value, _("refused")
        FAILED = Outcome.FAILED.value, _("failed")

    seq = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)
    actor_kind = models.CharField(max_length=16)
    actor_name = models.CharField(max_length=150, blank=True)
    address = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64)
    target_kind = models.CharField(max_length=32, blank=True)
    target_id = models.CharField(max_length=128, blank=True)
    target_name = models.CharField(max_length=255, blank=True)
    outcome = models.CharField(max_length=16, choices=OutcomeChoice.choices)
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-seq"]
        indexes = [
            models.Index(fields=["action", "-seq"]),
            models.Index(fields=["actor_name", "-seq"]),
            models.Index(fields=["target_kind", "target_id", "-seq"]),
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
