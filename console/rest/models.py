from django.conf import settings
from django.db import models
from django.utils import timezone

from console.operations.governed import Governed, GovernedQuerySet


class KeyedRequest(Governed):
    """A request that came with an Idempotency-Key, and what was answered; see console.rest.once.

    ``key_hash`` is of the key and of who may use it again. ``status`` 0: it is still being done. ``sealed`` is the
    answer, encrypted with the key, since some answers show what is kept nowhere else.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key_hash = models.CharField(max_length=64, unique=True)
    request_hash = models.CharField(max_length=64)
    began_at = models.DateTimeField(default=timezone.now, db_index=True)
    status = models.PositiveSmallIntegerField(default=0)
    sealed = models.TextField(blank=True)

    objects = GovernedQuerySet["KeyedRequest"].as_manager()

    def __str__(self) -> str:
        return f"keyed request {self.pk}"
