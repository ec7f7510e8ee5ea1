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
    # how the console looks to them (console.accounts.settings); what is empty was never chosen
    theme = models.CharField(max_length=8, blank=True)
    language = models.CharField(max_length=8, blank=True)
    density = models.CharField(max_length=12, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    # columns they do not want to see, by table: {"containers:list": ["ports"]}
    hidden_columns = models.JSONField(default=dict, blank=True)
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


class ResetLink(Governed):
    """A one-time link by which a person who cannot sign in chooses a new password. Only its token's SHA-256 is kept."""

    token_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reset_links")
    drops_factors = models.BooleanField(default=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    objects = GovernedQuerySet["ResetLink"].as_manager()

    def __str__(self) -> str:
        return f"reset link {self.pk}"

    def is_open(self, now: datetime) -> bool:
        return self.used_at is None and now < self.expires_at and self.user.is_active


class Identity(Governed):
    """Who a person is at an OpenID provider: ``subject`` never changes there, and counts with its issuer only."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    shown_name = models.CharField(max_length=255, blank=True)
    linked_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Identity"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="one_person_per_identity")]
        ordering = ["linked_at"]

    def __str__(self) -> str:
        return self.shown_name or self.subject

    @property
    def owner_pk(self) -> int | None:
        return self.user_id


class BrowserSession(Governed):
    """A browser somebody is signed in with. ``key`` is the framework's session, which ends when this row is revoked."""

    class Method(models.TextChoices):
        PASSWORD = "password", _("password")
        TWO_STEPS = "two-steps", _("two steps")
        PASSKEY = "passkey", _("passkey")
        PROVIDER = "provider", _("single sign-on")
        LINK = "link", _("one-time link")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="browser_sessions")
    key = models.CharField(max_length=40, unique=True)
    method = models.CharField(max_length=16, choices=Method.choices, blank=True)
    address = models.CharField(max_length=64, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    began_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["BrowserSession"].as_manager()

    class Meta:
        ordering = ["-seen_at"]

    def __str__(self) -> str:
        return f"session {self.pk}"

    @property
    def owner_pk(self) -> int | None:
        return self.user_id


class SignInAttempt(Governed):
    """A failed or unfinished proof; counted by the limiter, swept when older than its longest window.

    ``kind`` keeps passwords and codes apart. ``origin`` names the known device or the session it came from, if any:
    those have a count of their own, so that strangers who guess do not lock the owner out.
    """

    kind = models.CharField(max_length=16, default="password")
    username = models.CharField(max_length=150)
    origin = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["SignInAttempt"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["username", "address", "at"]), models.Index(fields=["address", "at"])]

    def __str__(self) -> str:
        return f"{self.username} from {self.address}"
