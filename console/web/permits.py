"""What the signed-in person may do, asked once per request, and the words for what they may not."""

from collections.abc import Sequence

from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import Denied
from console.operations.permissions import Permission
from console.operations.policy import NOWHERE, Access, Grantors, Place, Target, access_of, may, may_somewhere, policy

MOST_NAMES = 3


class Permits:
    """In templates: ``{% if may.container_run %}`` asks whether there is anything over which it is held."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def _access(self) -> Access:
        # error pages may be drawn before the session was looked at
        user = getattr(self._request, "user", None)
        return access_of(Actor.of_request(self._request) if user is not None else Actor.of_user(None))

    @cached_property
    def _grantors(self) -> Grantors:
        return policy().grantors()

    def has(self, permission: Permission) -> bool:
        return self._access.somewhere(permission)

    def __getitem__(self, name: str) -> bool:
        return self.has(Permission[name.upper()])

    def over(self, permission: Permission, on: Target) -> bool:
        return self._access.allows(permission, on=on)

    def refusal(self, permission: str, *, on: Target | None = None) -> str:
        """Empty when allowed; otherwise a sentence that names what is missing and who can give it.

        About ``on``, or without it about there being anything at all that it could be done to.
        """
        wanted = Permission(permission)
        if self.over(wanted, on) if on is not None else self.has(wanted):
            return ""
        return missing_permission(wanted, self._grantors.over(on.place if on is not None else NOWHERE, wanted))


def missing_permission(permission: str, grantors: Sequence[str]) -> str:
    words = {"name": permission, "people": ", ".join(grantors[:MOST_NAMES])}
    if len(grantors) > MOST_NAMES:
        return _("You need the permission “%(name)s”. %(people)s and others can grant it.") % words
    if grantors:
        return _("You need the permission “%(name)s”. It can be granted by: %(people)s.") % words
    return _("You need the permission “%(name)s”. Nobody here can grant it.") % words


def require(request: HttpRequest, permission: Permission, *, on: Target | None = None) -> Actor:
    """The actor, for a page about ``on``, or one that shows whatever is covered by ``permission``. Raises Denied."""
    return require_held(Actor.of_request(request), permission, on=on)


def require_held(actor: Actor, permission: Permission, *, on: Target | None = None, at: Place | None = None) -> Actor:
    """As ``require``, for a door that knows who asks; ``at`` is where something new is to be."""
    is_about_one = on is not None or at is not None
    allowed = may(actor, permission, on=on, at=at or NOWHERE) if is_about_one else may_somewhere(actor, permission)
    if not allowed:
        raise Denied(_("You need the permission “%(name)s”.") % {"name": permission}, permission=permission)
    return actor
