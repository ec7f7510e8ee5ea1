from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.hosts.models import Host
from console.jobs.models import Job
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.schedules.times import Times
from console.workspaces.models import Workspace


class Schedule(Governed):
    """Work that is asked for again and again, in the owner's name and with the owner's rights at that moment.

    ``inputs`` are those of the kind (console.schedules.kinds), without the host.
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")

    class Missed(models.TextChoices):
        """What becomes of times that came while nobody was there to see."""

        SKIP = "skip", _("leave them out")
        ONCE = "once", _("make up for them once")

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=64)
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="schedules")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="schedules")
    inputs = models.JSONField(default=dict)
    cron = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64)
    missed = models.CharField(max_length=8, choices=Missed.choices, default=Missed.SKIP)
    # may a job of it begin while an earlier one is still at work
    may_overlap = models.BooleanField(default=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="schedules"
    )
    owner_name = models.CharField(max_length=150)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    # why it is paused, when nobody asked for that
    trouble = models.TextField(blank=True)
    # none while it is paused
    next_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Schedule"].as_manager()

    class Meta:
        ordering = ["name", "pk"]
        indexes = [models.Index(fields=["state", "next_at"])]

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        return Place(self.workspace_id, self.host_id)

    @property
    def is_active(self) -> bool:
        return self.state == self.State.ACTIVE

    @property
    def times(self) -> Times:
        return Times(self.cron, self.time_zone)


class Firing(Governed):
    """One time of a schedule, and what came of it.

    pending (from the moment somebody takes the time until it is known) → started | refused; or at once skipped, since
    an earlier job is still at work, or missed. The constraint is what keeps two schedulers from taking one time twice.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("being asked for")
        STARTED = "started", _("became a job")
        SKIPPED = "skipped", _("left out")
        MISSED = "missed", _("missed")
        REFUSED = "refused", _("refused")

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="firings")
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    # of whoever pressed "run now"; nobody: the clock
    by_name = models.CharField(max_length=150, blank=True)
    # times before this one that nobody was there to see
    missed = models.PositiveIntegerField(default=0)
    reason = models.TextField(blank=True)
    job = models.OneToOneField(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="firing")
    tries = models.PositiveSmallIntegerField(default=0)
    taken_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Firing"].as_manager()

    class Meta:
        ordering = ["-due_at"]
        constraints = [models.UniqueConstraint(fields=["schedule", "due_at"], name="a_time_comes_once")]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.due_at:%Y-%m-%d %H:%M}"

    @property
    def key(self) -> str:
        """By which the job that comes of it is known (Job.asked_by)."""
        return f"firing:{self.pk}"
