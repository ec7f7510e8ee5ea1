from django.db import models

from console.hosts.models import Host
from console.operations.governed import Governed, GovernedQuerySet


class Image(Governed):
    """An image that a host was last seen to hold. The row goes when the image does."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="images")
    # the engine's 64 hex digits, without "sha256:"
    engine_id = models.CharField(max_length=64)
    references = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    objects = GovernedQuerySet["Image"].as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["host", "engine_id"], name="one_row_per_image")]

    def __str__(self) -> str:
        return str(self.references[0]) if self.references else self.short_id

    @property
    def short_id(self) -> str:
        return self.engine_id[:12]
