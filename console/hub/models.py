from django.db import models
from django.utils import timezone

from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.workspaces.models import Workspace


class Registry(Governed):
    """A registry as one workspace knows it. Who may use it need not be able to read its password."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="registries")
    name = models.SlugField(max_length=63)
    # as it stands at the beginning of an image's name: registry.example:5000, docker.io
    address = models.CharField(max_length=255)
    # empty: nobody signs in
    username = models.CharField(max_length=255, blank=True)
    # a reference, ``secret:NAME``; never the password itself
    password = models.CharField(max_length=80, blank=True)
    # http and not https
    is_plain = models.BooleanField(default=False)
    # certificates to believe besides the usual ones
    ca_pem = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # when it was last tried, and what was wrong then
    checked_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=400, blank=True)

    objects = GovernedQuerySet["Registry"].as_manager()

    class Meta:
        ordering = ["workspace_id", "name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="registry_names_are_unique"),
            models.UniqueConstraint(fields=["workspace", "address"], name="one_registry_for_an_address"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        return Place(workspace_pk=self.workspace_id)

    @property
    def state(self) -> str:
        """In the words of web.states."""
        if self.checked_at is None:
            return "registry.untried"
        return "registry.failing" if self.trouble else "registry.answers"
