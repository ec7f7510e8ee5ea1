"""What the signed-in person may do, asked once per request, and the words for what they may not."""

from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import Denied
from console.operations.permissions import Permission
from console.operations.policy import Target, may, policy


class Permits:
    """In templates: ``{% if may.container_stop %}``."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def _actor(self) -> Actor:
        # error pages may be drawn before the session was looked at
        return Actor.of_user(getattr(self._request, "user", None))

    @cached_property
    def _held(self) -> frozenset[Permission]:
        return policy().permissions_of(self._actor)

    def has(self, permission: Permission) -> bool:
        return permission in self._held

    def __getitem__(self, name: str) -> bool:
        return self.has(Permission[name.upper()])

    def refusal(self, permission: str, *, on: Target | None = None) -> str:
        """Empty when allowed; otherwise a sentence that names what is missing and who can give it."""
        wanted = Permission(permission)
        allowed = self.has(wanted) or (on is not None and may(self._actor, wanted, on=on))
        return "" if allowed else missing_permission(wanted)


def missing_permission(permission: str) -> str:
    return _("You need the permission “%(name)s”. An administrator can give you a role that has it.") % {
        "name": permission
    }


def require(request: HttpRequest, permission: Permission) -> Actor:
    """The actor, for a page that is only for those who hold ``permission``. Raises Denied."""
    actor = Actor.of_request(request)
    if not may(actor, permission):
        raise Denied(_("You need the permission “%(name)s”.") % {"name": permission}, permission=permission)
    return actor
