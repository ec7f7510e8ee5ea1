from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional

from django.db import models

from console.hosts.models import Host
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.workspaces.models import Workspace

if TYPE_CHECKING:
    from console.hosts.disk import ImageUse
    from console.images.users import ImageUser


class Image(Governed):
    """An image that a host was last seen to hold, as one workspace's. The row goes when the image does.

    Names are content: workspaces that build the same thing on one host share an image there, and each has a row of it.
    """

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="images")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="images")
    # another workspace had it first: the names it has are that one's
    is_shared = models.BooleanField(default=False)
    # the engine's 64 hex digits, without "sha256:"
    engine_id = models.CharField(max_length=64)
    references = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    # put on rows for a page: what its host told of its room, and who uses it
    use: Optional["ImageUse"] = None
    users: "Sequence[ImageUser]" = ()

    objects = GovernedQuerySet["Image"].as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["host", "engine_id", "workspace"], name="one_row_per_image_and_workspace")
        ]

    def __str__(self) -> str:
        return str(self.references[0]) if self.references else self.short_id

    @property
    def place(self) -> Place:
        return Place(self.workspace_id, self.host_id)

    @property
    def is_dangling(self) -> bool:
        return not self.references

    @property
    def short_id(self) -> str:
        return self.engine_id[:12]
