import re
from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.hosts.models import Host
from console.jobs.models import Job
from console.operations.errors import Conflict
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.workspaces.models import Workspace

IN_ADDRESSES = re.compile(r"[A-Za-z0-9_.-]+")
ANONYMOUS = re.compile(r"[0-9a-f]{64}")


class Volume(Governed):
    """A volume as its host last reported it. The row stays when the volume is gone (``gone_at``)."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="volumes")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="volumes")
    name = models.CharField(max_length=255)
    driver = models.CharField(max_length=64)
    scope = models.CharField(max_length=16, blank=True)
    mountpoint = models.CharField(max_length=1024, blank=True)
    options = models.JSONField(default=dict)
    labels = models.JSONField(default=dict)
    # [{"container": 64 hex digits, "name", "destination", "is_writable", "job"}]
    users = models.JSONField(default=list)
    # engines measure only when asked to; none: nobody has asked
    size_bytes = models.BigIntegerField(null=True, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True, blank=True)

    objects = GovernedQuerySet["Volume"].as_manager()

    class Meta:
        ordering = ["name", "pk"]
        indexes = [models.Index(fields=["host", "name"])]
        constraints = [
            models.UniqueConstraint(
                fields=["host", "name"], condition=models.Q(gone_at=None), name="one_row_per_present_volume"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        return Place(self.workspace_id, self.host_id, self.labels)

    @property
    def is_anonymous(self) -> bool:
        return ANONYMOUS.fullmatch(self.name) is not None

    @property
    def shown_name(self) -> str:
        return self.name[:12] if self.is_anonymous else self.name

    @property
    def key(self) -> str:
        """What names it in an address. Engines let no other letters into a name; one that has them has no page."""
        return self.name if IN_ADDRESSES.fullmatch(self.name) else "-"

    def require_present(self) -> None:
        if self.gone_at is not None:
            raise Conflict(_("“%(name)s” was removed from its host.") % {"name": self.name})


class VolumeListing(Governed):
    """The files of a volume as they were when somebody last looked: ``entries`` as hosts.volume_files.Entry."""

    volume = models.OneToOneField(Volume, primary_key=True, on_delete=models.CASCADE, related_name="listing")
    entries = models.JSONField(default=list)
    is_complete = models.BooleanField(default=True)
    listed_at = models.DateTimeField()

    objects = GovernedQuerySet["VolumeListing"].as_manager()

    def __str__(self) -> str:
        return f"files of {self.volume}"

    @property
    def place(self) -> Place:
        return self.volume.place


class Backup(Governed):
    """A copy of a volume's files, a tar that the console keeps. coming → kept | failed; only what is kept is of use.

    It outlives its volume and its host, and is the workspace's.
    """

    class State(models.TextChoices):
        COMING = "coming", gettext_lazy("coming")
        KEPT = "kept", gettext_lazy("kept")
        FAILED = "failed", gettext_lazy("failed")

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="backups")
    host = models.ForeignKey(Host, null=True, blank=True, on_delete=models.SET_NULL, related_name="backups")
    host_name = models.CharField(max_length=63)
    volume_name = models.CharField(max_length=255)
    driver = models.CharField(max_length=64)
    options = models.JSONField(default=dict)
    labels = models.JSONField(default=dict)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="backups")
    state = models.CharField(max_length=8, choices=State.choices, default=State.COMING)
    size_bytes = models.BigIntegerField(default=0)
    # of the tar, in hexadecimal; once it is kept
    sha256 = models.CharField(max_length=64, blank=True)
    note = models.CharField(max_length=200, blank=True)
    made_by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now)
    # none: until somebody removes it
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = GovernedQuerySet["Backup"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["volume_name", "-id"])]

    def __str__(self) -> str:
        return f"{self.volume_name} of {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def number(self) -> int:
        return int(self.pk)

    @property
    def place(self) -> Place:
        return Place(self.workspace_id, self.host_id, self.labels)

    def is_due(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def require_kept(self) -> None:
        if self.state != self.State.KEPT:
            raise Conflict(_("This backup is not whole."))
