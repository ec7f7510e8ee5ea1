from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.capsules.locks.document import Lock
from console.hosts.models import Host
from console.jobs.models import Job
from console.operations.errors import Conflict
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.stacks.models import Stack
from console.workspaces.models import Workspace


class EnvironmentLock(Governed):
    """What a stack was made of at one moment, with its fingerprint. The salt stays the stack's, also when it was
    restored from a capsule, so that fingerprints of the same are the same.
    """

    stack = models.ForeignKey(Stack, on_delete=models.CASCADE, related_name="locks")
    release = models.PositiveIntegerField()
    salt = models.CharField(max_length=32)
    environment = models.JSONField()
    secrets = models.JSONField(default=dict)
    about = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=71)
    by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now)
    # when what runs was last held against it, and what came of it (console.capsules.locks.comparing.Verdict)
    checked_at = models.DateTimeField(null=True, blank=True)
    verdict = models.JSONField(default=dict)

    objects = GovernedQuerySet["EnvironmentLock"].as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.stack.name} {self.fingerprint[:19]}"

    @property
    def place(self) -> Place:
        return self.stack.place

    @property
    def lock(self) -> Lock:
        return Lock(self.salt, self.environment, self.secrets, self.about)


class StackCapsule(Governed):
    """A stack in one file that the console keeps. coming → kept | failed; only what is kept is of use.

    ``index``: where in the file things lie, and what capsule.json says (console.capsules.indexing). It outlives its
    stack and its host, and is the workspace's.
    """

    class State(models.TextChoices):
        COMING = "coming", gettext_lazy("coming")
        KEPT = "kept", gettext_lazy("kept")
        FAILED = "failed", gettext_lazy("failed")

    class Origin(models.TextChoices):
        MADE = "made", gettext_lazy("made here")
        UPLOADED = "uploaded", gettext_lazy("uploaded")

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="stack_capsules")
    # those it was made of and on; none for one that was uploaded
    stack = models.ForeignKey(Stack, null=True, blank=True, on_delete=models.SET_NULL, related_name="stack_capsules")
    host = models.ForeignKey(Host, null=True, blank=True, on_delete=models.SET_NULL, related_name="stack_capsules")
    stack_name = models.CharField(max_length=63)
    release = models.PositiveIntegerField(default=0)
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.MADE)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="stack_capsules")
    state = models.CharField(max_length=8, choices=State.choices, default=State.COMING)
    # why it is of no use
    problem = models.CharField(max_length=500, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    fingerprint = models.CharField(max_length=71, blank=True)
    # names of volumes that are in it, as the Compose file has them
    volumes = models.JSONField(default=list)
    index = models.JSONField(default=dict)
    made_by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now)
    # none: until somebody removes it
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = GovernedQuerySet["StackCapsule"].as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.stack_name} #{self.pk}"

    @property
    def number(self) -> int:
        return int(self.pk)

    @property
    def place(self) -> Place:
        return Place(self.workspace_id, self.host_id)

    @property
    def file_name(self) -> str:
        return f"{self.stack_name}-{self.created_at:%Y%m%d-%H%M}.capsule.tar"

    def is_due(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def require_kept(self) -> None:
        if self.state != self.State.KEPT:
            raise Conflict(_("This capsule is not whole."))
