"""What allauth asks us (settings ``MFA_ADAPTER`` and ``SOCIALACCOUNT_ADAPTER``)."""

import base64
from functools import cache
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest

from console.accounts.models import User
from console.accounts.providers import providers
from console.outbound.sessions import checked_session


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # no stubs
    """Secrets of factors are encrypted with a key that is not in the database, so that reading it opens nothing."""

    def encrypt(self, text: str) -> str:
        return _fernet(settings.SECRET_KEY).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _fernet(settings.SECRET_KEY).decrypt(encrypted_text.encode()).decode()

    def get_totp_label(self, user: Any) -> str:
        return str(user.username)

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        return {**super().get_public_key_credential_user_entity(user), "name": user.username}


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # no stubs
    """Takes over when a provider has said who somebody is: allauth would now write rows of its own and sign them in."""

    def get_requests_session(self) -> requests.Session:
        """What a provider's documents lead to is checked as if anybody had typed it; its own host is configured."""
        return checked_session(trusted=frozenset(urlsplit(one.issuer).hostname or "" for one in providers()))

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> NoReturn:
        from console.accounts.provider_views import arrived

        raise ImmediateHttpResponse(arrived(request, sociallogin))

    def on_authentication_error(self, request: HttpRequest, provider: Any, **facts: Any) -> NoReturn:
        from console.accounts.provider_views import failed

        raise ImmediateHttpResponse(failed(request, str(provider.name), facts.get("error"), facts.get("exception")))


@cache
def _fernet(secret_key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"naru factors").derive(secret_key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
