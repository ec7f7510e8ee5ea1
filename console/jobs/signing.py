"""Messages to agents carry a MAC, so that whoever can write to Redis cannot make a host do something.

Each host has a key of its own, derived from the console's secret key; an agent knows only its own.
"""

import hashlib
import hmac
import json
from typing import Any

from console.operations.errors import Denied


def host_key(secret_key: str, host_name: str) -> str:
    return hmac.new(secret_key.encode(), b"naru host key\0" + host_name.encode(), hashlib.sha256).hexdigest()


def sign(message: dict[str, Any], key: str) -> dict[str, Any]:
    """``message`` with its MAC in ``mac``."""
    return {**message, "mac": _mac(message, key)}


def verify(signed: dict[str, Any], key: str) -> dict[str, Any]:
    """The message without its MAC. Denied when it was not made with ``key``."""
    message = {name: value for name, value in signed.items() if name != "mac"}
    given = str(signed.get("mac", "")).encode(errors="replace")
    if not key or not hmac.compare_digest(given, _mac(message, key).encode()):
        raise Denied("the message is not signed with this host's key")
    return message


def _mac(message: dict[str, Any], key: str) -> str:
    canonical = json.dumps(message, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(key.encode(), canonical, hashlib.sha256).hexdigest()
