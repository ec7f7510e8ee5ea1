from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.containers.models import Container
from console.hosts.models import Host
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.workspaces.models import Workspace


class Why(models.TextChoices):
    """Why a session has ended."""

    EXITED = "exited", _("its program ended")
    CLOSED = "closed", _("closed by its person")
    ENDED = "ended", _("ended by somebody else")
    IDLE = "idle", _("nothing was typed for too long")
    LEFT = "left", _("its page was gone for too long")
    REVOKED = "revoked", _("the permission was taken away")
    SIGNED_OUT = "signed-out", _("its person was signed out")
    STOPPED = "stopped", _("the console was stopped")
    LOST = "lost", _("the console’s process was lost")
    ENGINE = "engine", _("the connection to the engine broke")
    FAILED = "failed", _("it could not go on")


class Records(models.TextChoices):
    """What of a session is recorded."""

    NOTHING = "", _("nothing")
    OUTPUT = "output", _("what is shown")
    BOTH = "both", _("what is shown and what is typed")


class Terminal(Governed):
    """One session: a program in a container, or its main process, with a person's keyboard and screen.

    asked for (no ``server``) → claimed by a process of the web server, where it lives → ended, which is final.
    """

    # what names it in a socket's address; of use to its own person only
    key = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="terminals"
    )
    user_name = models.CharField(max_length=150)
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="terminals")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="terminals")
    container = models.ForeignKey(Container, null=True, blank=True, on_delete=models.SET_NULL, related_name="terminals")
    container_name = models.CharField(max_length=255)
    # of the container, so that who may see that by its labels may see this
    labels = models.JSONField(default=dict)
    # at the main process's streams, instead of a program of its own
    is_attached = models.BooleanField(default=False)
    # the words of the command line; none: the container's shell
    command = models.JSONField(default=list)
    run_as = models.CharField(max_length=100, blank=True)
    working_dir = models.CharField(max_length=1000, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    # the process it lives in, and when that was last heard of
    server = models.CharField(max_length=64, blank=True)
    seen_at = models.DateTimeField(default=timezone.now)
    # what hangs it up
    exec_id = models.CharField(max_length=64, blank=True)
    pid = models.PositiveBigIntegerField(null=True, blank=True)
    end_asked_at = models.DateTimeField(null=True, blank=True)
    ended_by_name = models.CharField(max_length=150, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=16, choices=Why.choices, blank=True)
    error = models.TextField(blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    in_bytes = models.BigIntegerField(default=0)
    out_bytes = models.BigIntegerField(default=0)
    records = models.CharField(max_length=8, choices=Records.choices, blank=True)
    # of the sealed recording, in hexadecimal; empty without one
    recording_sha256 = models.CharField(max_length=64, blank=True)
    recording_bytes = models.BigIntegerField(default=0)

    objects = GovernedQuerySet["Terminal"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["ended_at", "workspace"]),
            models.Index(fields=["user", "ended_at"]),
        ]

    def __str__(self) -> str:
        return self.container_name

    @property
    def number(self) -> int:
        return int(self.pk)

    @property
    def owner_pk(self) -> int | None:
        return self.user_id

    @property
    def place(self) -> Place:
        return Place(self.workspace_id, self.host_id, self.labels)

    @property
    def is_open(self) -> bool:
        return self.ended_at is None

    @property
    def state(self) -> str:
        if self.is_open:
            return "open"
        return "failed" if self.why in (Why.FAILED, Why.ENGINE, Why.LOST) else "ended"

    @property
    def duration(self) -> timedelta:
        """Until its end, or until now."""
        return (self.ended_at or timezone.now()) - self.opened_at

    @property
    def has_recording(self) -> bool:
        return bool(self.recording_sha256)


class TerminalRules(Governed):
    """What a workspace says about terminals in its containers. The row is made when it is first needed, and is held
    while sessions are counted, so that two who count at once count one after the other.
    """

    IDLE_MINUTES = 30
    MOST_PER_PERSON = 5
    MOST_OPEN = 20
    KEEP_DAYS = 90
    # what people choose
    CHOSEN = ("records", "idle_minutes", "most_per_person", "most_open", "keep_days")

    workspace = models.OneToOneField(
        Workspace, primary_key=True, on_delete=models.CASCADE, related_name="terminal_rules"
    )
    records = models.CharField(max_length=8, choices=Records.choices, default=Records.OUTPUT, blank=True)
    # 0: no limit, here and below
    idle_minutes = models.PositiveIntegerField(default=IDLE_MINUTES)
    most_per_person = models.PositiveIntegerField(default=MOST_PER_PERSON)
    most_open = models.PositiveIntegerField(default=MOST_OPEN)
    # after the end; 0: for ever
    keep_days = models.PositiveIntegerField(default=KEEP_DAYS)

    objects = GovernedQuerySet["TerminalRules"].as_manager()

    def __str__(self) -> str:
        return f"terminals of {self.workspace}"

    @property
    def place(self) -> Place:
        return Place(workspace_pk=self.workspace_id)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.CHOSEN}
