from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from console.operations.governed import Governed, GovernedQuerySet
from console.operations.permissions import Role


class Grant(Governed):
    """The role a person holds. Who has no grant may do nothing."""

    class RoleChoice(models.TextChoices):
        VIEWER = Role.VIEWER.value, _("viewer")
        OPERATOR = Role.OPERATOR.value, _("operator")
        ADMIN = Role.ADMIN.value, _("administrator")

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="grant")
    role = models.CharField(max_length=16, choices=RoleChoice.choices)
    granted_at = models.DateTimeField(auto_now=True)

    objects = GovernedQuerySet["Grant"].as_manager()

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"
