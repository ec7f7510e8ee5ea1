import re
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from console.hosts.models import Host
from console.jobs.models import Job
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.stacks.compose.model import Project
from console.workspaces.models import Workspace

ENGINE_ID = re.compile(r"[0-9a-f]{64}")


def restored_by_default() -> list[str]:
    return ["dead", "unhealthy"]


class Stack(Governed):
    """Services that belong together on one host, and the files that say what they are.

    The row stays when the stack is gone (its ``removal`` has succeeded): its jobs and releases lead there.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="stacks")
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="stacks")
    name = models.SlugField(max_length=63)
    # its name on the host, by which docker compose knows it
    project = models.CharField(max_length=128)
    # what paths in its files are relative to
    directory = models.CharField(max_length=4096)
    # texts by their paths below the directory; "paths" names those that are merged, in order
    files = models.JSONField(default=dict)
    paths = models.JSONField(default=list)
    variables = models.JSONField(default=dict)
    profiles = models.JSONField(default=list)
    # what is replaced by itself when it is found (console.stacks.reconciling.deciding.CHOICES)
    restores = models.JSONField(default=restored_by_default)
    # the repository that they come from (console.origins); empty: they were given
    repository = models.CharField(max_length=2000, blank=True)
    # what they are of (console.stacks.commits), as long as they come from there
    commit = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    removal = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    # so that another may have the name then
    is_gone = models.BooleanField(default=False)

    objects = GovernedQuerySet["Stack"].as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["host", "project"], condition=models.Q(is_gone=False), name="one_stack_per_project"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        return Place(self.workspace_id, self.host_id)

    @property
    def newest(self) -> "Release | None":
        return self.releases.order_by("-number").select_related("job").first()

    @property
    def current(self) -> "Release | None":
        """The last one that is on the host whole."""
        done = self.releases.filter(job__state=Job.State.SUCCEEDED)
        return done.order_by("-number").select_related("job").first()


class Release(Governed):
    """What was put on the host, as it was then; it never changes."""

    stack = models.ForeignKey(Stack, on_delete=models.CASCADE, related_name="releases")
    number = models.PositiveIntegerField()
    # the resolved project (console.stacks.compose.model), values of secrets as references
    document = models.JSONField()
    # by "secrets/KEY" and "configs/KEY": what is in them, or a reference to a secret; and which content or version
    contents = models.JSONField(default=dict)
    digests = models.JSONField(default=dict)
    # names of those that it refers to
    secrets = models.JSONField(default=list)
    # the plan that was agreed to
    plan = models.JSONField(default=dict)
    # what the files were of that it was made from, where they came from a repository
    commit = models.JSONField(default=dict)
    # the number of the release that this one goes back to
    rolls_back_to = models.PositiveIntegerField(null=True, blank=True)
    by_name = models.CharField(max_length=150)
    job = models.OneToOneField(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="release")
    created_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Release"].as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["stack", "number"], name="releases_are_numbered")]

    def __str__(self) -> str:
        return f"{self.stack.name} #{self.number}"

    @property
    def place(self) -> Place:
        return self.stack.place

    @cached_property
    def project(self) -> Project:
        return Project.from_document(self.document)

    @property
    def images(self) -> dict[str, str]:
        """The ids (64 hex digits) of the images that its containers had in the end, by service; what is not known of
        one stays out.
        """
        told = self.job.result.get("running") if self.job is not None else None
        given = told if isinstance(told, dict) else {}
        return {str(name): one for name, one in given.items() if isinstance(one, str) and ENGINE_ID.fullmatch(one)}

    @property
    def counts(self) -> dict[str, Any]:
        """Containers of its plan by what was to be done."""
        found: dict[str, Any] = self.plan.get("counts", {})
        return found


class Restoration(Governed):
    """That a container was to be replaced by a fresh one, because it was not well, missing, or not as its release says.

    ``why`` and ``exit_code`` are what was found of it (console.stacks.reconciling.deciding).
    """

    stack = models.ForeignKey(Stack, on_delete=models.CASCADE, related_name="restorations")
    service = models.CharField(max_length=255)
    number = models.PositiveIntegerField()
    why = models.CharField(max_length=16)
    name = models.CharField(max_length=255, blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    # why it could not be asked for
    error = models.TextField(blank=True)
    # empty when nobody asked for it
    by_name = models.CharField(max_length=150, blank=True)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="restorations")
    at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Restoration"].as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["stack", "-at"]), models.Index(fields=["-at"])]

    def __str__(self) -> str:
        return f"{self.stack.name}: {self.service} {self.number} {self.why}"

    @property
    def place(self) -> Place:
        return self.stack.place
