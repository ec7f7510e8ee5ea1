"""Who asks: a person, signed in or by a token of theirs; someone unknown; a host that reports; the system itself."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from django.http import HttpRequest

from console.operations.permissions import Permission

# in the session: when the person last proved who they are, in seconds since 1970
CONFIRMED_AT = "confirmed_at"


class ActorKind(StrEnum):
    USER = "user"
    ANONYMOUS = "anonymous"
    HOST = "host"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a token leaves of what its person holds: these permissions, in that workspace or, with None, anywhere.

    ``label`` names the token in the audit log.
    """

    token_pk: int
    label: str
    permissions: frozenset[Permission]
    workspace_pk: int | None = None
    reads_only: bool = False


@dataclass(frozen=True, slots=True)
class Actor:
    kind: ActorKind
    name: str
    user_pk: int | None = None
    address: str = ""
    # when a person last proved who they are: by signing in, or when asked again
    confirmed_at: datetime | None = None
    # set for a person who asks by a token
    limits: Limits | None = None

    @classmethod
    def of_request(cls, request: HttpRequest) -> Self:
        session = getattr(request, "session", {})
        address = str(request.META.get("REMOTE_ADDR") or "")
        return cls.of_user(request.user, address=address, confirmed_at=_time(session.get(CONFIRMED_AT)))

    @classmethod
    def of_user(
        cls,
        user: object,
        *,
        address: str = "",
        confirmed_at: datetime | None = None,
        limits: Limits | None = None,
    ) -> Self:
        """``user`` is whatever the auth middleware gave: a User, or AnonymousUser."""
        if getattr(user, "is_authenticated", False):
            return cls(ActorKind.USER, str(user), getattr(user, "pk", None), address, confirmed_at, limits)
        return cls(ActorKind.ANONYMOUS, "", None, address)

    @classmethod
    def host(cls, name: str) -> Self:
        return cls(ActorKind.HOST, name)

    @classmethod
    def system(cls, name: str = "naru") -> Self:
        return cls(ActorKind.SYSTEM, name)

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.user_pk if self.user_pk is not None else self.name}"

    @property
    def is_user(self) -> bool:
        return self.kind is ActorKind.USER


def _time(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None
