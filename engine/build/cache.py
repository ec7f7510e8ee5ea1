"""What a step depends on, as one key. Steps with the same key make the same image, so the first one's is used again."""

import hashlib
import json
from collections.abc import Sequence

from engine.model.image import Image
from engine.model.platform import Platform

_FORMAT = 1  # another number when the meaning of a step changes


def step_key(
    parent: Image | None, *, platform: Platform, created_by: str, depends_on: Sequence[str] = (), author: str = ""
) -> str:
    """The parent's id stands for its layers, configuration and history: it is the digest over all three.

    ``created_by`` is the instruction after expansion, ``depends_on`` whatever else it read: contents, arguments.
    """
    facts = [_FORMAT, str(parent.id) if parent else "scratch", str(platform), created_by, list(depends_on), author]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
