from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.operations.actor import Limits
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.permissions import NEVER_BY_TOKEN, READ_ONLY, Permission
from console.workspaces.models import Workspace

# one audit row stands for what is read from one network in this time
READINGS_LAST_S = 3600


def no_readings() -> dict[str, Any]:
    return {}


class ApiToken(Governed):
    """Lets whoever has its text ask as ``user``, for at most what ``limits`` leave. The text itself is not kept."""

    class Scope(models.TextChoices):
        READ = "read", _("read")
        WRITE = "write", _("read and change")

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        EXPIRED = "expired", _("expired")
        REVOKED = "revoked", _("revoked")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=12, unique=True)
    # of the 256 random bits behind the prefix
    secret_hash = models.CharField(max_length=64)
    scope = models.CharField(max_length=8, choices=Scope.choices)
    # values of Permission; empty: all that the scope has
    permissions = models.JSONField(default=list)
    # for this one alone; a token goes with its workspace, so that it never comes to reach further
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    # made for acts before which a browser would be asked for a proof
    is_confirmed = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_from = models.CharField(max_length=64, blank=True)
    # network → when reading from there was last put on record, in seconds since 1970
    readings = models.JSONField(default=no_readings)

    objects = GovernedQuerySet["ApiToken"].as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} (naru_{self.prefix})"

    @property
    def owner_pk(self) -> int | None:
        return self.user_id

    @property
    def limits(self) -> Limits:
        """A chosen permission that this version does not know gives nothing."""
        permissions = READ_ONLY if self.scope == self.Scope.READ else frozenset(Permission) - NEVER_BY_TOKEN
        if self.permissions:
            permissions &= frozenset(one for one in Permission if one.value in self.permissions)
        return Limits(self.pk, str(self), permissions, self.workspace_id, self.scope == self.Scope.READ)

    def state_at(self, now: datetime) -> "ApiToken.State":
        if self.revoked_at is not None:
            return self.State.REVOKED
        return self.State.ACTIVE if now < self.expires_at else self.State.EXPIRED

    @property
    def state(self) -> "ApiToken.State":
        return self.state_at(timezone.now())

    def has_read_from(self, network: str, now: datetime) -> bool:
        """Whether reading from there is on record already, as lately as that it counts."""
        at = self.readings.get(network)
        return isinstance(at, int | float) and 0 <= now.timestamp() - at < READINGS_LAST_S

    @property
    def is_active(self) -> bool:
        return self.state is self.State.ACTIVE
