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

    class WaitsFor(models.TextChoices):
        """Why a queued job has not been sent yet."""

        AGENT = "agent", _("the host's agent")
        HOST = "host", _("room on the host")
        WORKSPACE = "workspace", _("other jobs of its workspace")
        BROKER = "broker", _("the message broker")

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
    # the agent's last word about the attempt under way; none: nobody knows that it has begun
    heard_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    progress = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    # why an earlier attempt ended
    note = models.TextField(blank=True)
    waits_for = models.CharField(max_length=16, choices=WaitsFor.choices, blank=True)
    retry_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="retries")
    # of whoever asks more than once for the same: a schedule for one of its times
    asked_by = models.CharField(max_length=64, null=True, blank=True, unique=True)
    output_sealed_at = models.DateTimeField(null=True, blank=True)
    # of the sealed file, in hexadecimal; none for files from before there were digests
    output_sha256 = models.CharField(max_length=64, blank=True)
    output_bytes = models.BigIntegerField(default=0)
    # it stays, whatever its workspace's rules for old jobs say
    pinned_at = models.DateTimeField(null=True, blank=True)
    pinned_by_name = models.CharField(max_length=150, blank=True)

    objects = GovernedQuerySet["Job"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["state", "host"]),
            models.Index(fields=["kind", "-id"]),
            models.Index(fields=["on_kind", "on_id", "-id"]),
            models.Index(fields=["workspace", "state", "finished_at"]),
            # what lists and the overview ask for, among tens of thousands
            models.Index(fields=["state", "-id"]),
            models.Index(fields=["state", "finished_at"]),
            models.Index(fields=["on_name", "-id"]),
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
        self.note = self.waits_for = ""

    def requeue(self, *, note: str) -> None:
        """Give the job back for another attempt."""
        self.state = self.State.QUEUED
        self.lease_expires_at = None
        self.sent_at = self.heard_at = None
        self.note = note
        self.progress = {}


class JobRules(Governed):
    """How many jobs of a workspace run and wait, and how long they stay when they have ended.

    The row is made when it is first needed. It is held while jobs are counted, so that two who count at once count one
    after the other.
    """

    MOST_WAITING = 200
    KEEP_DAYS = 365
    KEEP_COUNT = 10_000
    # what people choose
    CHOSEN = ("most_running", "most_waiting", "keep_days", "keep_count")

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.CASCADE, related_name="job_rules")
    # 0: as many as hosts take
    most_running = models.PositiveIntegerField(default=0)
    # 0: any number
    most_waiting = models.PositiveIntegerField(default=MOST_WAITING)
    # 0: for ever
    keep_days = models.PositiveIntegerField(default=KEEP_DAYS)
    # 0: any number
    keep_count = models.PositiveIntegerField(default=KEEP_COUNT)
    # when a job of the workspace was last sent: of workspaces with as much at work, who waited longest is next
    served_at = models.DateTimeField(null=True, blank=True)

    objects = GovernedQuerySet["JobRules"].as_manager()

    def __str__(self) -> str:
        return f"jobs of {self.workspace}"

    @property
    def place(self) -> Place:
        return Place(workspace_pk=self.workspace_id)
