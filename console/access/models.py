from collections.abc import Iterable
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.access.roles import PERMISSIONS
from console.hosts.models import Host
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.permissions import Permission, Role
from console.operations.policy import Place
from console.workspaces.models import Workspace


class Team(Governed):
    """People who are given the same. A team may be in several workspaces, and a workspace may have several teams."""

    slug = models.SlugField(max_length=40, unique=True)
    title = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Team"].as_manager()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Membership(Governed):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    since = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Membership"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_person")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class CustomRole(Governed):
    """A role made here, from the same permissions as the built-in ones."""

    slug = models.SlugField(max_length=40, unique=True)
    title = models.CharField(max_length=80, blank=True)
    # values of Permission, sorted
    permissions = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["CustomRole"].as_manager()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    @property
    def held(self) -> frozenset[Permission]:
        """A permission that this version does not know gives nothing."""
        return frozenset(one for one in Permission if one.value in self.permissions)


class GrantQuerySet(GovernedQuerySet["Grant"]):
    def in_force(self, now: datetime) -> Self:
        return self.filter(Q(until=None) | Q(until__gt=now))

    def of_users(self, user_pks: Iterable[int]) -> Self:
        """Held by these people themselves or by a team they are in, as long as they are not disabled.

        A grant comes once for each of them.
        """
        own, pks = "team__memberships__user", list(user_pks)
        direct = Q(user_id__in=pks, user__is_active=True)
        return self.filter(direct | Q(**{f"{own}_id__in": pks, f"{own}__is_active": True}))


class Grant(Governed):
    """Gives a person or a team a role in a scope. What no grant gives, nobody has.

    Exactly one of ``user`` and ``team``, one of ``role`` and ``custom_role``, and what ``scope`` needs, are set.
    """

    class Scope(models.TextChoices):
        EVERYTHING = "everything", _("everything")
        WORKSPACE = "workspace", _("workspace")
        HOST = "host", _("host")
        LABEL = "label", _("label")

    class RoleChoice(models.TextChoices):
        VIEWER = Role.VIEWER.value, _("viewer")
        OPERATOR = Role.OPERATOR.value, _("operator")
        DEVELOPER = Role.DEVELOPER.value, _("developer")
        AUDITOR = Role.AUDITOR.value, _("auditor")
        ADMIN = Role.ADMIN.value, _("administrator")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="grants"
    )
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=16, choices=RoleChoice.choices, blank=True)
    custom_role = models.ForeignKey(CustomRole, null=True, blank=True, on_delete=models.PROTECT, related_name="grants")
    scope = models.CharField(max_length=16, choices=Scope.choices, default=Scope.EVERYTHING)
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="grants")
    host = models.ForeignKey(Host, null=True, blank=True, on_delete=models.CASCADE, related_name="grants")
    label_key = models.CharField(max_length=128, blank=True)
    label_value = models.CharField(max_length=255, blank=True)
    # at this moment it gives nothing any more
    until = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)
    granted_at = models.DateTimeField(default=timezone.now)
    granted_by_name = models.CharField(max_length=150, blank=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ["-granted_at", "-pk"]
        indexes = [models.Index(fields=["until"])]
        constraints = [
            models.CheckConstraint(
                name="grant_has_one_holder",
                condition=Q(user=None, team__isnull=False) | Q(user__isnull=False, team=None),
            ),
            models.CheckConstraint(
                name="grant_has_one_role",
                condition=(Q(role="") & Q(custom_role__isnull=False)) | (~Q(role="") & Q(custom_role=None)),
            ),
            models.CheckConstraint(
                name="grant_has_its_scope",
                condition=Q(scope="everything", workspace=None, host=None, label_key="")
                | Q(scope="workspace", workspace__isnull=False, host=None, label_key="")
                | Q(scope="host", workspace=None, host__isnull=False, label_key="")
                | (Q(scope="label", workspace=None, host=None) & ~Q(label_key="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.holder_name}: {self.role_name}, {self.scope_name}"

    @property
    def place(self) -> Place:
        """A grant for a label is about no one place: it is given and taken by who holds grant.manage everywhere."""
        return Place(self.workspace_id, self.host_id)

    @property
    def holder_name(self) -> str:
        return str(self.user or self.team)

    @property
    def role_name(self) -> str:
        return self.role or str(self.custom_role)

    @property
    def scope_name(self) -> str:
        named = {self.Scope.WORKSPACE: str(self.workspace), self.Scope.HOST: str(self.host)}
        named[self.Scope.LABEL] = f"{self.label_key}={self.label_value}"
        name = named.get(self.Scope(self.scope))
        return f"{self.scope} {name}" if name else str(self.scope)

    @property
    def permissions(self) -> frozenset[Permission]:
        if self.custom_role is not None:
            return self.custom_role.held
        return PERMISSIONS[Role(self.role)]

    def is_in_force(self, now: datetime) -> bool:
        return self.until is None or self.until > now
