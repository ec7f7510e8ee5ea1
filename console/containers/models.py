import re
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.hosts.models import Host
from console.jobs.models import Job
from console.operations.errors import Conflict
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.secrets.models import Secret
from console.workspaces.models import Workspace

IN_ADDRESSES = re.compile(r"[A-Za-z0-9_.-]+")


class Container(Governed):
    """A container as its host last reported it. The row stays when the container is gone (``gone_at``)."""

    class State(models.TextChoices):
        CREATED = "created", gettext_lazy("created")
        RUNNING = "running", gettext_lazy("running")
        PAUSED = "paused", gettext_lazy("paused")
        RESTARTING = "restarting", gettext_lazy("restarting")
        REMOVING = "removing", gettext_lazy("removing")
        EXITED = "exited", gettext_lazy("exited")
        DEAD = "dead", gettext_lazy("dead")

    ALIVE = (State.RUNNING, State.PAUSED, State.RESTARTING)

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="containers")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="containers")
    engine_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    image = models.CharField(max_length=300)
    image_engine_id = models.CharField(max_length=64, blank=True)
    # the words of the command line, entrypoint included
    command = models.JSONField(default=list)
    state = models.CharField(max_length=16, choices=State.choices)
    exit_code = models.IntegerField(null=True, blank=True)
    # [{"host_address": "127.0.0.1", "host_port": 8080, "container_port": 80, "protocol": "tcp"}]
    ports = models.JSONField(default=list)
    labels = models.JSONField(default=dict)
    memory_bytes = models.BigIntegerField(default=0)
    cpus = models.FloatField(default=0)
    # those that its environment was made with; they cannot be removed while it is there
    secrets = models.ManyToManyField(Secret, blank=True, related_name="containers")
    oom_killed = models.BooleanField(default=False)
    # as Docker words it: healthy, unhealthy, starting; empty without a health check
    health = models.CharField(max_length=16, blank=True)
    # by the engine, because of a restart policy
    restart_count = models.PositiveIntegerField(default=0)
    has_tty = models.BooleanField(default=False)
    # what it was made to be (console.hosts.shape): what pages show while its host is away
    shape = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True, blank=True)
    # of those that have replaced one another under a name, the first; none: it is the first itself
    first = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="successors")

    objects = GovernedQuerySet["Container"].as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["host", "name"]), models.Index(fields=["gone_at", "-created_at"])]
        constraints = [models.UniqueConstraint(fields=["host", "engine_id"], name="one_row_per_container")]

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
    def lineage(self) -> int:
        """The same for all that have replaced one another."""
        return int(self.first_id or self.pk)

    @property
    def log_topic(self) -> str:
        return f"container.{self.pk}.log"

    @property
    def is_alive(self) -> bool:
        return self.gone_at is None and self.state in self.ALIVE

    def require_present(self) -> None:
        if self.gone_at is not None:
            raise Conflict(_("“%(name)s” was removed from its host.") % {"name": self.name})

    def require_alive(self) -> None:
        self.require_present()
        if not self.is_alive:
            raise Conflict(_("“%(name)s” is not running.") % {"name": self.name})

    def require_not_alive(self) -> None:
        self.require_present()
        if self.is_alive:
            raise Conflict(_("“%(name)s” is running.") % {"name": self.name})


class Revision(Governed):
    """What a container was meant to be from then on. Never changed; in force once its job has succeeded.

    ``spec``: fields of ContainerSpec; values of secrets are references.
    """

    class Cause(models.TextChoices):
        FOUND = "found", gettext_lazy("found as it was")
        RUN = "run", gettext_lazy("run")
        EDITED = "edited", gettext_lazy("edited")
        LIMITS = "limits", gettext_lazy("limits changed")
        RESTORED = "restored", gettext_lazy("restored")

    first = models.ForeignKey(Container, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    cause = models.CharField(max_length=16, choices=Cause.choices)
    spec = models.JSONField()
    # the number of the one that is restored
    restores = models.PositiveIntegerField(null=True, blank=True)
    # none for what was found
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="revisions")
    actor_name = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Revision"].as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["first", "number"], name="one_revision_per_number")]

    def __str__(self) -> str:
        return f"revision {self.number} of {self.first_id}"

    @property
    def place(self) -> Place:
        return self.first.place

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise RuntimeError("a revision is never changed")
        super().save(*args, **options)
