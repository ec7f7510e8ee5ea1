"""A volume: data with a name, which outlives the containers that use it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.model.errors import Invalid, Missing

DRIVER: Final = "local"
ANONYMOUS_LABEL: Final = "com.docker.volume.anonymous"
_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Volume:
    """``labels`` and ``options`` are as the client gave them, None where it gave none at all.

    ``made_for`` is the container without which nobody wants it, "" once somebody has said that it is to stay.
    """

    name: str
    created_at: datetime
    labels: Mapping[str, str] | None = None
    options: Mapping[str, str] | None = None
    made_for: str = ""

    @property
    def is_anonymous(self) -> bool:
        return ANONYMOUS_LABEL in (self.labels or {})


@dataclass(frozen=True, slots=True)
class VolumeRequest:
    """What somebody wants a volume to be. ``name`` "": one is made up."""

    name: str = ""
    driver: str = ""
    labels: Mapping[str, str] | None = None
    options: Mapping[str, str] | None = None


def check_volume_name(name: str) -> str:
    """``name``. Raises Invalid in Docker's words."""
    if len(name) < 2:
        raise Invalid(f"create {name}: volume name is too short, names should be at least two alphanumeric characters")
    if not _NAME.fullmatch(name):
        quoted = '"' + name[:_LONGEST_NAME].replace('"', '\\"') + '"'
        raise Invalid(
            f"create {name[:_LONGEST_NAME]}: {quoted} includes invalid characters for a local volume name, only "
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
    if len(name) > _LONGEST_NAME:
        raise Invalid(f"create {name[:40]}...: volume name is too long, at most {_LONGEST_NAME} characters are allowed")
    return name


def check_driver(name: str, driver: str) -> None:
    """Raises Missing in Docker's words for any but the one there is."""
    if driver not in ("", DRIVER):
        raise Missing(f'create {name}: error looking up volume plugin {driver[:80]}: plugin "{driver[:80]}" not found')
