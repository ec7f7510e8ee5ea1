from django.db import models

from console.files.drift import NOISE
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.workspaces.models import Workspace


def usual_noise() -> list[str]:
    return list(NOISE)


class DriftRules(Governed):
    """What a workspace does not want to be told of when its containers change. No row: the usual."""

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.CASCADE, related_name="drift_rules")
    # paths and patterns (fnmatch), each with all below it
    noise = models.JSONField(default=usual_noise)

    objects = GovernedQuerySet["DriftRules"].as_manager()

    def __str__(self) -> str:
        return f"drift of {self.workspace}"

    @property
    def place(self) -> Place:
        return Place(workspace_pk=self.workspace_id)
