from datetime import timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.hosts.tunnel.addresses import is_relayed
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place

# the agent reports every 10 s, and after every burst of events
STALE_AFTER = timedelta(seconds=30)
# of a host that is reached through its agent's call, which is looked at every 5 s
CALL_STALE_AFTER = timedelta(seconds=15)


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
    # the key that its agent calls with: its public part, and a SHA-256 of the rest; null and empty without one
    key_prefix = models.CharField(max_length=12, unique=True, null=True, blank=True)
    key_hash = models.CharField(max_length=64, blank=True)
    key_made_at = models.DateTimeField(null=True, blank=True)
    # with a new key its jobs are signed with another, too
    signing_salt = models.CharField(max_length=32, blank=True)
    # the call that counts, and when the console's end of it last heard something; null when nobody calls
    call_id = models.CharField(max_length=32, blank=True)
    called_at = models.DateTimeField(null=True, blank=True)
    called_from = models.CharField(max_length=64, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    # then it has another name: what is on record of it stays, and the name is free
    removed_at = models.DateTimeField(null=True, blank=True)

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
    def is_relayed(self) -> bool:
        """Its engine is reached through its agent, which calls out."""
        return is_relayed(self.address)

    @property
    def is_called(self) -> bool:
        """Its agent's call is there, as lately as that it counts."""
        return self.heard_at is not None and timezone.now() - self.heard_at < CALL_STALE_AFTER

    @property
    def has_key(self) -> bool:
        return bool(self.key_hash)

    @property
    def is_stale(self) -> bool:
        """What we know of this host may no longer be so: show it veiled, with its age."""
        if self.state != self.State.REACHABLE or self.last_seen_at is None:
            return True
        if self.is_relayed and not self.is_called:
            return True
        return timezone.now() - self.last_seen_at > STALE_AFTER
