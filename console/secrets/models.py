from django.db import models
from django.db.models import Max, QuerySet
from django.utils import timezone

from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.secrets.references import PREFIX
from console.workspaces.models import Workspace


class Secret(Governed):
    """A name that stands for a value. Who may use it need not be able to read it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="secrets")
    name = models.CharField(max_length=63)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # of the newest version
    changed_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Secret"].as_manager()

    class Meta:
        ordering = ["workspace_id", "name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="secret_names_are_unique")]

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        return Place(workspace_pk=self.workspace_id)

    @property
    def reference(self) -> str:
        return f"{PREFIX}{self.name}"

    @property
    def newest(self) -> "SecretVersion":
        return self.versions.latest("number")

    @property
    def next_number(self) -> int:
        return int(self.versions.aggregate(latest=Max("number"))["latest"] or 0) + 1

    @property
    def shown_versions(self) -> "QuerySet[SecretVersion]":
        """Without what is encrypted: it is of no use to a page."""
        return self.versions.order_by("-number").defer("sealed")


class SecretVersion(Governed):
    """``sealed`` is encrypted with the key of that number; null once a newer version has taken its place for long."""

    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    key_number = models.PositiveIntegerField()
    sealed = models.BinaryField(null=True)
    set_at = models.DateTimeField(default=timezone.now)
    set_by_name = models.CharField(max_length=150, blank=True)

    objects = GovernedQuerySet["SecretVersion"].as_manager()

    class Meta:
        ordering = ["-number"]
        indexes = [models.Index(fields=["key_number"])]
        constraints = [models.UniqueConstraint(fields=["secret", "number"], name="secret_versions_are_numbered")]

    def __str__(self) -> str:
        return f"{self.secret} {self.number}"

    @property
    def about(self) -> str:
        """What the ciphertext is bound to."""
        return f"naru secret {self.secret_id} version {self.number}"
