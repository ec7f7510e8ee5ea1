"""The key that a host's jobs are signed with: derived from the console's secret key, worth nothing to other hosts."""

import hashlib
import hmac


def host_key(secret_key: str, host_name: str, salt: str = "") -> str:
    """``salt`` is a host's own, and another one with each key that its agent is given to call with."""
    about = b"naru host key\0" + host_name.encode() + (b"\0" + salt.encode() if salt else b"")
    return hmac.new(secret_key.encode(), about, hashlib.sha256).hexdigest()
