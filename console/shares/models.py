from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.containers.models import Container
from console.hosts.models import Host
from console.jobs.models import Job
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.workspaces.models import Workspace

# one audit row stands for what is opened from one network in this time
OPENINGS_LAST_S = 3600


class Share(Governed):
    """Lets whoever has its link read one thing, as long as its maker may. Only the SHA-256 of the token is kept."""

    class Kind(models.TextChoices):
        CONTAINER_LOG = "container-log", _("log of a container")
        JOB_OUTPUT = "job-output", _("output of a job")

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        EXPIRED = "expired", _("expired")
        REVOKED = "revoked", _("revoked")

    token_hash = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    container = models.ForeignKey(Container, null=True, blank=True, on_delete=models.CASCADE, related_name="shares")
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.CASCADE, related_name="shares")
    # what it shows, as it was called then
    shown_name = models.CharField(max_length=255)
    maker = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shares")
    # where what it shows was; who manages grants there may end it
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    host = models.ForeignKey(Host, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    note = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_opened_at = models.DateTimeField(null=True, blank=True)
    # network → when opening it from there was last put on record, in seconds since 1970
    openings = models.JSONField(default=dict)

    objects = GovernedQuerySet["Share"].as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.kind} of {self.shown_name}"

    @property
    def owner_pk(self) -> int | None:
        return self.maker_id

    @property
    def place(self) -> Place:
        return Place(self.workspace_id, self.host_id)

    def state_at(self, now: datetime) -> "Share.State":
        if self.revoked_at is not None:
            return self.State.REVOKED
        return self.State.ACTIVE if now < self.expires_at else self.State.EXPIRED

    @property
    def state(self) -> "Share.State":
        return self.state_at(timezone.now())

    def was_opened_from(self, network: str, now: datetime) -> bool:
        """Whether that is on record already, as lately as that it counts."""
        at = self.openings.get(network)
        return isinstance(at, int | float) and 0 <= now.timestamp() - at < OPENINGS_LAST_S
