"""The mail server an instance is told of by its environment; without one there are no channels by email.

NARU_SMTP                smtp://user@host:587 (STARTTLS) or smtps://user@host:465; the user may be left out
NARU_SMTP_PASSWORD_FILE  where its password lies; environments can be read by others
NARU_MAIL_FROM           naru@HOST      the sender
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PORTS = {"smtp": 587, "smtps": 465}
_NEAR = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class MailServer:
    """``starttls``: asked for, and nothing is sent without. A server on this machine may do without."""

    host: str
    port: int
    user: str
    sender: str
    ssl: bool
    starttls: bool
    password: str = field(repr=False)


def read_mail_server() -> MailServer | None:
    """Raises ValueError that names the variable at fault."""
    text = os.environ.get("NARU_SMTP", "").strip()
    if not text:
        return None
    url = urlsplit(text)
    if url.scheme not in _PORTS or not url.hostname or url.password is not None:
        # not repeated: it may hold the password that does not belong there
        raise ValueError("NARU_SMTP: write smtp://user@host:587 or smtps://user@host:465, without a password")
    user = unquote(url.username or "")
    return MailServer(
        host=url.hostname,
        port=url.port or _PORTS[url.scheme],
        user=user,
        sender=os.environ.get("NARU_MAIL_FROM") or f"naru@{url.hostname}",
        ssl=url.scheme == "smtps",
        starttls=url.scheme == "smtp" and url.hostname not in _NEAR,
        password=_password(user),
    )


def _password(user: str) -> str:
    file = os.environ.get("NARU_SMTP_PASSWORD_FILE")
    if not file:
        if user:
            raise ValueError("NARU_SMTP_PASSWORD_FILE is missing beside a user in NARU_SMTP")
        return ""
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise ValueError(f"NARU_SMTP_PASSWORD_FILE cannot be read: {error}") from error
