"""``X-Build-Secrets``: secrets for ``RUN --mount=type=secret``, sent with the request. Ours; Docker has no such header.

The classic protocol has no session through which the builder could ask for a secret. The header is made as
``X-Registry-Config`` is: base64 (either alphabet) of a JSON object, here of ids to base64 contents.
"""

import base64
import binascii
import re
from typing import Final

from engine.model.errors import Invalid
from engine.wire.json_body import parse_object

HEADER: Final = "X-Build-Secrets"
_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def decode_secrets(text: str) -> dict[str, bytes]:
    """Contents by id. Raises Invalid; no message holds any of the contents."""
    if not text:
        return {}
    try:
        given = parse_object(_decoded("the header", text))
    except Invalid:
        # neither the message nor its cause, which a log may show, may hold a part of what was sent
        raise Invalid(f"{HEADER}: expected base64 of a JSON object of ids to base64 contents") from None
    secrets: dict[str, bytes] = {}
    for name, value in given.items():
        if not _ID.fullmatch(name):
            raise Invalid(f"{HEADER}: an id has up to 128 letters, digits, dots, dashes and underscores")
        if not isinstance(value, str):
            raise Invalid(f"{HEADER}: the content of {name} must be a base64 string")
        secrets[name] = _decoded(name, value)
    return secrets


def _decoded(what: str, text: str) -> bytes:
    try:
        return base64.b64decode(text.translate({ord("-"): "+", ord("_"): "/"}) + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(f"{HEADER}: {what} is not base64") from None
