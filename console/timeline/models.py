from django.db import models
from django.utils.translation import gettext_lazy as _

from console.containers.models import Container
from console.hosts.models import Host
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.workspaces.models import Workspace


class Change(Governed):
    """Something that happened on a host, as its engine told it or as was found by looking (``is_observed``).

    ``key`` is the same for what is told twice. A container that came and went before anybody looked has no row:
    ``container`` is None then, and ``engine_id`` names it.
    """

    class Kind(models.TextChoices):
        CREATED = "created"
        REPLACED = "replaced"
        STARTED = "started"
        STOPPED = "stopped"
        DIED = "died"
        OOM = "oom"
        KILLED = "killed"
        HEALTH = "health"
        PAUSED = "paused"
        UNPAUSED = "unpaused"
        RENAMED = "renamed"
        RECONFIGURED = "reconfigured"
        EXEC = "exec"
        REMOVED = "removed"
        CONNECTED = "connected"
        DISCONNECTED = "disconnected"
        NETWORK_CREATED = "network-created"
        NETWORK_REMOVED = "network-removed"
        TAGGED = "tagged"
        UNTAGGED = "untagged"
        PULLED = "pulled"
        IMAGE_REMOVED = "image-removed"
        HOST_LOST = "host-lost"
        HOST_BACK = "host-back"

    OF_IMAGES = (Kind.TAGGED, Kind.UNTAGGED, Kind.PULLED, Kind.IMAGE_REMOVED)
    OF_NETWORKS = (Kind.NETWORK_CREATED, Kind.NETWORK_REMOVED)
    OF_HOSTS = (Kind.HOST_LOST, Kind.HOST_BACK)

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="changes")
    container = models.ForeignKey(Container, null=True, blank=True, on_delete=models.CASCADE, related_name="changes")
    # of an image or a network; a container is in its own
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    at = models.DateTimeField()
    engine_id = models.CharField(max_length=255, blank=True)
    # what the thing was called then
    name = models.CharField(max_length=255, blank=True)
    # a container's, or the one that it happened to: in full, with its tag
    image = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=dict)
    is_trouble = models.BooleanField(default=False)
    is_observed = models.BooleanField(default=False)
    key = models.CharField(max_length=64)

    objects = GovernedQuerySet["Change"].as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["container", "-at"]),
            models.Index(fields=["host", "-at"]),
            models.Index(fields=["-at"]),
            models.Index(fields=["host", "engine_id", "kind", "-at"]),
            models.Index(fields=["host", "image", "-at"]),
        ]
        constraints = [models.UniqueConstraint(fields=["host", "key"], name="one_row_per_change")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.name} {self.kind}"

    @property
    def place(self) -> Place:
        return self.container.place if self.container is not None else Place(self.workspace_id, self.host_id)


class Capsule(Governed):
    """What was left of a container when something went wrong. The contents lie in a file (console.timeline.files)."""

    class What(models.TextChoices):
        EXIT = "exit", _("ended with an error")
        OOM = "oom", _("ran out of memory")
        UNHEALTHY = "unhealthy", _("became unhealthy")

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="capsules")
    container = models.ForeignKey(Container, null=True, blank=True, on_delete=models.CASCADE, related_name="capsules")
    engine_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    what = models.CharField(max_length=16, choices=What.choices)
    at = models.DateTimeField()
    exit_code = models.IntegerField(null=True, blank=True)
    image_engine_id = models.CharField(max_length=64, blank=True)
    fingerprint = models.CharField(max_length=16, blank=True)
    line_count = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveIntegerField(default=0)
    # incidents after this one of which nothing was kept, because there were too many
    more = models.PositiveIntegerField(default=0)
    key = models.CharField(max_length=100)

    objects = GovernedQuerySet["Capsule"].as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["container", "-at"]), models.Index(fields=["host", "engine_id", "-at"])]
        constraints = [models.UniqueConstraint(fields=["host", "key"], name="one_capsule_per_incident")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.name} {self.what}"

    @property
    def number(self) -> int:
        return int(self.pk)

    @property
    def place(self) -> Place:
        return self.container.place if self.container is not None else Place(host_pk=self.host_id)
