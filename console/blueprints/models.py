from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.stacks.catalogue.templates import REFERENCE, Template, Variable
from console.workspaces.models import Workspace


class Blueprint(Governed):
    """A workspace's own template of stacks.

    ``variables`` are objects of ``name``, ``label``, ``default``, ``pattern`` and ``is_secret``, in the order in which
    they are asked for (console.blueprints.facts).
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="blueprints")
    title = models.CharField(max_length=80)
    about = models.CharField(max_length=300, blank=True)
    compose = models.TextField()
    variables = models.JSONField(default=list)
    by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Blueprint"].as_manager()

    class Meta:
        ordering = ["title", "pk"]
        constraints = [models.UniqueConstraint(fields=["workspace", "title"], name="blueprint_titles_are_unique")]

    def __str__(self) -> str:
        return self.title

    @property
    def place(self) -> Place:
        return Place(workspace_pk=self.workspace_id)

    @property
    def template(self) -> Template:
        """As those that are for everybody; what is secret can only be referred to."""
        return Template(
            # what a stack of it is called unless somebody says
            slugify(self.title)[:63] or "stack",
            self.title,
            self.about,
            "file-code",
            tuple(
                Variable(one["name"], one["label"] or one["name"], one["default"], one["pattern"])
                if not one["is_secret"]
                else Variable(one["name"], one["label"] or one["name"], one["default"], REFERENCE)
                for one in self.variables
            ),
            self.compose,
            self.workspace.slug,
            reverse("blueprints:use", args=[self.pk]),
        )
