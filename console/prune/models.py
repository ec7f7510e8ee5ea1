from django.db import models
from django.utils import timezone

from console.hosts.models import Host
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place


class Quarantined(Governed):
    """An image that has lost its names, and goes when its time is over.

    The row goes with the image, or when that is back.
    """

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="quarantined")
    engine_id = models.CharField(max_length=64)
    # the names it had
    references = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    put_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()
    # of the job that put it here
    job = models.BigIntegerField(default=0)

    objects = GovernedQuerySet["Quarantined"].as_manager()

    class Meta:
        ordering = ["until", "pk"]
        constraints = [models.UniqueConstraint(fields=["host", "engine_id"], name="an_image_is_held_once")]

    def __str__(self) -> str:
        return str(self.references[0]) if self.references else self.short_id

    @property
    def place(self) -> Place:
        return Place(host_pk=self.host_id)

    @property
    def short_id(self) -> str:
        return self.engine_id[:12]
