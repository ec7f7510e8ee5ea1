"""Whether a hook's request is from somebody who knows its secret. Pure.

GitHub sends ``X-Hub-Signature-256: sha256=HEX``, Gitea and Forgejo ``X-Gitea-Signature: HEX``: the HMAC-SHA256 of the
body by the secret. GitLab sends the secret itself as ``X-Gitlab-Token``.
"""

import hashlib
import hmac
from collections.abc import Mapping


def is_signed(body: bytes, headers: Mapping[str, str], *, secret: str) -> bool:
    """``headers`` are found by any spelling of their names. Takes as long for a wrong signature as for a right one."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    wanted = {"X-Hub-Signature-256": f"sha256={digest}", "X-Gitea-Signature": digest, "X-Gitlab-Token": secret}
    # all of them are compared: which one was sent is not told by how long it took
    right = [hmac.compare_digest(headers.get(name, "").encode(), value.encode()) for name, value in wanted.items()]
    return any(right)
