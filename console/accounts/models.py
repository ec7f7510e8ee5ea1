from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.operations.governed import Governed, GovernedQuerySet
from console.operations.permissions import Role


class UserManager(BaseUserManager["User"].from_queryset(GovernedQuerySet)):  # type: ignore[misc]  # built at run time
    pass


class User(AbstractBaseUser, Governed):
    username = models.CharField(
        _("user name"),
        max_length=150,
        unique=True,
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": _("This user name is taken.")},
    )
    email = models.EmailField(_("e-mail"), blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    joined_at = models.DateTimeField(default=timezone.now)
    last_sign_in_at = models.DateTimeField(null=True, blank=True)
    # the framework's own field is written by a signal, outside any operation
    last_login = None

    objects = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []

    def __str__(self) -> str:
        return self.username


class Invitation(Governed):
    """A one-time link. Only the SHA-256 of its token is kept."""

    class RoleChoice(models.TextChoices):
        VIEWER = Role.VIEWER.value, _("viewer")
        OPERATOR = Role.OPERATOR.value, _("operator")
        ADMIN = Role.ADMIN.value, _("administrator")

    token_hash = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=16, choices=RoleChoice.choices)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="invitations_made"
    )
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="invitations_used"
    )

    objects = GovernedQuerySet["Invitation"].as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation {self.pk}"

    def is_open(self, now: datetime) -> bool:
        return self.used_at is None and now < self.expires_at


class SignInAttempt(Governed):
    """A failed or unfinished sign-in; counted by the limiter, swept when older than its window."""

    username = models.CharField(max_length=150)
    address = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["SignInAttempt"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["username", "address", "at"]), models.Index(fields=["address", "at"])]

    def __str__(self) -> str:
        return f"{self.username} from {self.address}"
