import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.hosts.models import Host
from console.notifications.words import name_of, sentence_of
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.secrets.models import Secret
from console.secrets.references import name_in
from console.workspaces.models import Workspace


class Event(Governed):
    """Something happened to something. Repeated within a while it is the same row, with a higher count."""

    kind = models.CharField(max_length=32)
    about = models.CharField(max_length=160)
    name = models.CharField(max_length=255)
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    host = models.ForeignKey(Host, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    labels = models.JSONField(default=dict)
    # whom it concerns, who is told whatever rules say
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    details = models.JSONField(default=dict)
    link = models.CharField(max_length=300, blank=True)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    count = models.PositiveIntegerField(default=1)
    # kind and thing while another of them would be counted here; one row at most
    open_key = models.CharField(max_length=200, null=True, blank=True, unique=True)
    once_key = models.CharField(max_length=200, null=True, blank=True, unique=True)
    # when deliveries and notes were made of it: until then it waits in the outbox
    handled_at = models.DateTimeField(null=True, blank=True)
    silenced_by = models.CharField(max_length=255, blank=True)

    objects = GovernedQuerySet["Event"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["handled_at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def place(self) -> Place:
        return Place(self.workspace_id, self.host_id, self.labels)

    @property
    def kind_name(self) -> str:
        return str(name_of(self.kind))

    @property
    def text(self) -> str:
        return sentence_of(self.kind, self.name, self.details)


class OfWorkspace(Governed):
    """What belongs to a workspace, or without one to the whole console."""

    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True

    @property
    def place(self) -> Place:
        return Place(workspace_pk=self.workspace_id)


class Channel(OfWorkspace):
    """Where something is told. A webhook's requests are signed with a secret, which is referred to."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", _("webhook")
        EMAIL = "email", _("email")

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    url = models.CharField(max_length=2000, blank=True)
    secret = models.ForeignKey(Secret, null=True, blank=True, on_delete=models.PROTECT, related_name="channels")
    # email: one on each line
    addresses = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)

    objects = GovernedQuerySet["Channel"].as_manager()

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def where(self) -> str:
        """For pages and the audit log: of a URL only whose it is, since the rest may be a secret."""
        if self.kind == self.Kind.EMAIL:
            return ", ".join(self.addresses.split())
        return "/".join(self.url.split("/", 3)[:3]) if name_in(self.url) is None else self.url


class Rule(OfWorkspace):
    """Which events are told where. Of a workspace: events of what is in it."""

    name = models.CharField(max_length=80)
    events = models.JSONField(default=list)
    # with * and ?, compared with the thing's name; empty: every
    name_pattern = models.CharField(max_length=255, blank=True)
    # key=value, or key alone for any value
    label = models.CharField(max_length=255, blank=True)
    # in the console, everybody who may see the thing
    tells_people = models.BooleanField(default=False)
    channels = models.ManyToManyField(Channel, blank=True, related_name="rules")
    is_active = models.BooleanField(default=True)

    objects = GovernedQuerySet["Rule"].as_manager()

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def event_names(self) -> list[str]:
        return [str(name_of(kind)) for kind in self.events]


class Silence(OfWorkspace):
    """Until a moment, what it covers is not told: of one rule or all, of one kind or all, of things so named."""

    rule = models.ForeignKey(Rule, null=True, blank=True, on_delete=models.CASCADE, related_name="silences")
    kind = models.CharField(max_length=32, blank=True)
    name_pattern = models.CharField(max_length=255, blank=True)
    until = models.DateTimeField()
    reason = models.CharField(max_length=255)
    by_name = models.CharField(max_length=150, blank=True)

    objects = GovernedQuerySet["Silence"].as_manager()

    class Meta:
        ordering = ["-until", "-pk"]
        indexes = [models.Index(fields=["until"])]

    def __str__(self) -> str:
        return self.reason

    @property
    def is_over(self) -> bool:
        return self.until <= timezone.now()

    @property
    def kind_name(self) -> str:
        return str(name_of(self.kind)) if self.kind else ""


class Delivery(Governed):
    """One event on its way to one channel. The row decides: whoever changes it to leased sends it.

    Sent at least once. ``uid`` is the same each time, so that a receiver can drop what it has.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        DEAD = "dead", _("given up")

    uid = models.UUIDField(default=uuid.uuid4, unique=True)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    rule = models.ForeignKey(Rule, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True, blank=True)
    answer_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.TextField(blank=True)
    # [{"at": "2026-…", "code": 503, "error": "", "took_ms": 12}], the latest last
    history = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = GovernedQuerySet["Delivery"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["state", "next_at"])]
        constraints = [models.UniqueConstraint(fields=["event", "channel"], name="an_event_once_to_each_channel")]

    def __str__(self) -> str:
        return f"{self.event} → {self.channel}"

    @property
    def place(self) -> Place:
        return self.channel.place

    def note(self, *, code: int | None, error: str, took_ms: int, keep: int) -> None:
        entry: dict[str, Any] = {"at": timezone.now().isoformat(), "code": code, "error": error, "took_ms": took_ms}
        self.history = [*self.history, entry][-keep:]
        self.answer_code, self.error, self.leased_until = code, error, None


class Note(Governed):
    """An event in somebody's own list."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="notes")
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = GovernedQuerySet["Note"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["user", "read_at"])]
        constraints = [models.UniqueConstraint(fields=["user", "event"], name="an_event_once_in_each_list")]

    def __str__(self) -> str:
        return f"{self.user}: {self.event}"
