"""OpenID providers that people may sign in with: what the operator configured (setting ``NARU_OIDC``)."""

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from console.operations.permissions import Role


@dataclass(frozen=True, slots=True)
class Provider:
    """``role`` is what somebody unknown becomes by signing in; None: an invitation is needed."""

    id: str
    name: str
    issuer: str
    client_id: str
    secret: str = field(repr=False)
    role: Role | None = None

    def as_app(self) -> dict[str, Any]:
        """As allauth's settings want it."""
        return {
            "provider_id": self.id,
            "name": self.name,
            "client_id": self.client_id,
            "secret": self.secret,
            "settings": {
                "server_url": self.issuer,
                "scope": ["openid", "profile", "email"],
                "oauth_pkce_enabled": True,
            },
        }


@dataclass(frozen=True, slots=True)
class Claims:
    """What a provider said of somebody: ``subject`` is who, the others are only words to show and to propose."""

    provider: Provider
    subject: str
    username: str = ""
    email: str = ""

    @property
    def shown_name(self) -> str:
        return self.email or self.username or self.subject


def providers() -> tuple[Provider, ...]:
    found: tuple[Provider, ...] = settings.NARU_OIDC
    return found


def find_provider(provider_id: str) -> Provider | None:
    return next((provider for provider in providers() if provider.id == provider_id), None)
