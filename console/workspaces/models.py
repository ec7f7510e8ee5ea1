from django.db import models
from django.utils import timezone

from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.workspaces.rules import Rules

# the workspace that everything found on a host belongs to until somebody moves it
FIRST_SLUG = "main"


class Workspace(Governed):
    """Owns containers and images. What may be asked of hosts on its behalf is in ``rules``."""

    slug = models.SlugField(max_length=40, unique=True)
    title = models.CharField(max_length=80, blank=True)
    # rules.Rules as JSON; what is missing there has its default
    rules_json = models.JSONField(default=dict, db_column="rules")
    created_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Workspace"].as_manager()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    @property
    def place(self) -> Place:
        return Place(workspace_pk=self.pk)

    @property
    def rules(self) -> Rules:
        return Rules.from_json(self.rules_json)
