"""Changes and capsules as tests want them."""

import itertools
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from console.containers.models import Container
from console.operations.governed import writes_allowed
from console.timeline import files
from console.timeline.models import Capsule, Change

LAST_WORDS = "last-words of the program"
_numbers = itertools.count(1)


def make_change(container: Container, kind: str, *, at: datetime | None = None, **details: Any) -> Change:
    is_trouble = bool(details.pop("is_trouble", False))
    with writes_allowed("factory"):
        return Change.objects.create(
            host=container.host,
            container=container,
            engine_id=container.engine_id,
            name=container.name,
            image=container.image,
            kind=kind,
            at=at or timezone.now(),
            details=details,
            is_trouble=is_trouble,
            key=f"made-{next(_numbers)}",
        )


def make_capsule(container: Container, *, at: datetime | None = None, **facts: Any) -> Capsule:
    """With its file."""
    number = next(_numbers)
    at = at or timezone.now() - timedelta(seconds=number)
    given = {"what": "exit", "exit_code": 3, "line_count": 1, **facts}
    with writes_allowed("factory"):
        capsule = Capsule.objects.create(
            host=container.host,
            container=container,
            engine_id=container.engine_id,
            name=container.name,
            at=at,
            key=f"made-{number}",
            **given,
        )
    files.write(capsule.number, contents())
    return capsule


def contents(**facts: Any) -> dict[str, Any]:
    return {
        "lines": [[1_700_000_000_000, "stderr", LAST_WORDS]],
        "health": [{"at": "2026-01-02T03:05:30Z", "exit_code": 7, "output": "refused"}],
        "stats": {"at_ms": 1, "memory_bytes": 9_000_000, "memory_limit_bytes": 0, "pids": 2, "cpu_percent": 1.5},
        "image_engine_id": "cd" * 32,
        "fingerprint": "0123456789abcdef",
        "exit_code": 3,
        "is_oom": False,
        "error": "",
        **facts,
    }
