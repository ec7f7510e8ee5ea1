import re

from django.db import models
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.operations.errors import Conflict
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.workspaces.models import Workspace

IN_ADDRESSES = re.compile(r"[A-Za-z0-9_.-]+")
# every engine has these, and keeps them
PREDEFINED = ("bridge", "host", "none")


class Network(Governed):
    """A network as its host last reported it. The row stays when the network is gone (``gone_at``)."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="networks")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="networks")
    engine_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    driver = models.CharField(max_length=64)
    scope = models.CharField(max_length=16, blank=True)
    is_internal = models.BooleanField(default=False)
    is_attachable = models.BooleanField(default=False)
    has_ipv6 = models.BooleanField(default=False)
    # [{"subnet": "172.18.0.0/16", "gateway": "172.18.0.1", "ip_range": ""}]
    subnets = models.JSONField(default=list)
    options = models.JSONField(default=dict)
    labels = models.JSONField(default=dict)
    # [{"container": 64 hex digits, "name", "ipv4", "ipv6", "mac", "aliases": []}]
    members = models.JSONField(default=list)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True, blank=True)

    objects = GovernedQuerySet["Network"].as_manager()

    class Meta:
        ordering = ["name", "pk"]
        indexes = [models.Index(fields=["host", "name"])]
        constraints = [models.UniqueConstraint(fields=["host", "engine_id"], name="one_row_per_network")]

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        return Place(self.workspace_id, self.host_id, self.labels)

    @property
    def short_id(self) -> str:
        return self.engine_id[:12]

    @property
    def key(self) -> str:
        """What names it in an address: its name, while it has it and the name can stand in one, or its id."""
        usable = self.gone_at is None and IN_ADDRESSES.fullmatch(self.name)
        return self.name if usable else self.short_id

    @property
    def is_predefined(self) -> bool:
        return self.name in PREDEFINED

    @property
    def is_unused(self) -> bool:
        return not self.members and not self.is_predefined

    def require_present(self) -> None:
        if self.gone_at is not None:
            raise Conflict(_("“%(name)s” was removed from its host.") % {"name": self.name})

    def require_ours(self) -> None:
        """Conflict for one that the engine made for itself."""
        self.require_present()
        if self.is_predefined:
            raise Conflict(_("“%(name)s” is the engine’s own network: it stays.") % {"name": self.name})
