"""The OpenID provider an instance is told of by its environment. Only the web server asks: agents need no such secret.

NARU_OIDC_ISSUER              https://… ; with it the others count
NARU_OIDC_CLIENT_ID           as registered there, with the redirect address URL/sign-in/with/ID/callback/
NARU_OIDC_CLIENT_SECRET_FILE  or NARU_OIDC_CLIENT_SECRET
NARU_OIDC_NAME                the issuer's host      what the button says
NARU_OIDC_ID                  sso                    stands in addresses
NARU_OIDC_ROLE                none                   what somebody unknown becomes; none: an invitation is needed
"""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from console.accounts.providers import Provider
from console.operations.permissions import Role


def read_providers() -> tuple[Provider, ...]:
    """Raises ValueError that names the variable at fault: a sign-in that is half configured is none."""
    issuer = os.environ.get("NARU_OIDC_ISSUER", "").strip()
    if not issuer:
        return ()
    url = urlsplit(issuer)
    is_near = url.hostname in ("localhost", "127.0.0.1", "::1")
    if not url.hostname or url.scheme not in ("https", "http") or (url.scheme == "http" and not is_near):
        raise ValueError(f"NARU_OIDC_ISSUER is {issuer!r}; write an https:// address")
    client_id = os.environ.get("NARU_OIDC_CLIENT_ID", "")
    if not client_id:
        raise ValueError("NARU_OIDC_CLIENT_ID is missing beside NARU_OIDC_ISSUER")
    provider_id = os.environ.get("NARU_OIDC_ID") or "sso"
    if not re.fullmatch(r"[a-z0-9-]{1,40}", provider_id):
        raise ValueError(f"NARU_OIDC_ID is {provider_id!r}; it stands in addresses: small letters, digits and -")
    role = os.environ.get("NARU_OIDC_ROLE", "none") or "none"
    if role != "none" and role not in set(Role):
        raise ValueError(f"NARU_OIDC_ROLE is {role!r}; one of none, {', '.join(Role)}")
    name = os.environ.get("NARU_OIDC_NAME") or url.hostname
    return (Provider(provider_id, name, issuer, client_id, _oidc_secret(), None if role == "none" else Role(role)),)


def _oidc_secret() -> str:
    file = os.environ.get("NARU_OIDC_CLIENT_SECRET_FILE")
    if not file:
        return os.environ.get("NARU_OIDC_CLIENT_SECRET", "")
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise ValueError(f"NARU_OIDC_CLIENT_SECRET_FILE cannot be read: {error}") from error
