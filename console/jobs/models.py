from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.hosts.models import Host
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.workspaces.models import Workspace


class Job(Governed):
    """One piece of work for one host.

    queued → running (claimed by the dispatcher, attempt += 1, lease) → succeeded | failed | cancelled; a lost or
    interrupted attempt goes back to queued while attempts are left. The three last states are final.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    FINAL = (State.SUCCEEDED, State.FAILED, State.CANCELLED)
    ACTIVE = (State.QUEUED, State.RUNNING)

    kind = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="jobs")
    # whose work it is; none where it is the host's own
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.PROTECT, related_name="jobs")
    # of what the job is about, so that who may see that by its labels may see this
    labels = models.JSONField(default=dict)
    args = models.JSONField(default=dict)
    # sha256 of each input the host needs, kept under NARU_DATA/inputs
    blobs = models.JSONField(default=list)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs"
    )
    actor_name = models.CharField(max_length=150)
    on_kind = models.CharField(max_length=32, blank=True)
    on_id = models.CharField(max_length=128, blank=True)
    on_name = models.CharField(max_length=255, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=1)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    progress = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    # why an earlier attempt ended, or what a queued job waits for
    note = models.TextField(blank=True)
    retry_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="retries")
    output_sealed_at = models.DateTimeField(null=True, blank=True)

    objects = GovernedQuerySet["Job"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["state", "host"]),
            models.Index(fields=["kind", "-id"]),
            models.Index(fields=["on_kind", "on_id", "-id"]),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind}"

    @property
    def number(self) -> int:
        return int(self.pk)

    @property
    def owner_pk(self) -> int | None:
        return self.actor_id

    @property
    def place(self) -> Place:
        return Place(self.workspace_id, self.host_id, self.labels)

    @property
    def is_final(self) -> bool:
        return self.state in self.FINAL

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE

    @property
    def is_cancelling(self) -> bool:
        return self.is_active and self.cancel_requested_at is not None

    @property
    def duration(self) -> timedelta | None:
        """From the first start to the end, or to now."""
        if self.started_at is None:
            return None
        return (self.finished_at or timezone.now()) - self.started_at

    def finish(
        self, state: "Job.State", *, at: datetime, result: dict[str, Any] | None = None, error: str = ""
    ) -> None:
        self.state = state
        self.finished_at = at
        self.lease_expires_at = None
        self.result = result or {}
        self.error = error
        self.note = ""

    def requeue(self, *, note: str) -> None:
        """Give the job back for another attempt."""
        self.state = self.State.QUEUED
        self.lease_expires_at = None
        self.sent_at = None
        self.note = note
        self.progress = {}
