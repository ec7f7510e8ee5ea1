from datetime import timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place

# the agent reports every 10 s, and after every burst of events
STALE_AFTER = timedelta(seconds=30)


class Host(Governed):
    class State(models.TextChoices):
        UNKNOWN = "unknown", _("never seen")
        REACHABLE = "reachable", _("reachable")
        UNREACHABLE = "unreachable", _("engine does not answer")

    name = models.SlugField(max_length=63, unique=True)
    address = models.CharField(max_length=255)
    state = models.CharField(max_length=16, choices=State.choices, default=State.UNKNOWN)
    error = models.TextField(blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    # since when it has been silent or its engine unreachable, once that was noticed
    lost_at = models.DateTimeField(null=True, blank=True)
    info = models.JSONField(default=dict)

    objects = GovernedQuerySet["Host"].as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        return Place(host_pk=self.pk)

    @property
    def queue(self) -> str:
        return f"host.{self.name}"

    @property
    def is_stale(self) -> bool:
        """What we know of this host may no longer be so: show it veiled, with its age."""
        if self.state != self.State.REACHABLE or self.last_seen_at is None:
            return True
        return timezone.now() - self.last_seen_at > STALE_AFTER
