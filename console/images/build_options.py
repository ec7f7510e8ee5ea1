"""What else a build can be told: further tags, arguments, labels, a stage, a platform. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _

from console.images.references import Reference
from console.operations.errors import Invalid

ARG: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,254}")
STAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
PLATFORM: Final = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?")
MOST: Final = 50
LONGEST: Final = 4096
# what the engine or the console says of an image is not for people to say
OWN_LABELS: Final = ("naru.", "com.docker.", "io.docker.", "org.dockerproject.")


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """``build_args`` are on record, in the job and in the image: secrets go another way."""

    tags: Sequence[str] = ()
    build_args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    platform: str = ""
    no_cache: bool = False
    pull: bool = False

    def checked(self) -> dict[str, Any]:
        """A job's arguments, only what is set. Invalid names the field."""
        tags = list(dict.fromkeys(str(Reference.parse(tag, field="tags")) for tag in self.tags))
        for name in ("tags", "build_args", "labels"):
            if len(getattr(self, name)) > MOST:
                raise Invalid(_("At most 50 of them."), field=name)
        _check_pairs(self.build_args, pattern=ARG, field="build_args")
        _check_pairs(self.labels, pattern=LABEL, field="labels")
        if wrong := next((name for name in self.labels if name.startswith(OWN_LABELS)), ""):
            raise Invalid(_("The label “%(name)s” is not for people to set.") % {"name": wrong[:80]}, field="labels")
        if self.target and not STAGE.fullmatch(self.target):
            raise Invalid(_("“%(name)s” is no name of a stage.") % {"name": self.target[:80]}, field="target")
        require_platform(self.platform)
        facts = {
            "tags": tags,
            "build_args": dict(self.build_args),
            "labels": dict(self.labels),
            "target": self.target,
            "platform": self.platform,
            "no_cache": self.no_cache,
            "pull": self.pull,
        }
        return {name: value for name, value in facts.items() if value}


def require_platform(platform: str) -> None:
    if platform and not PLATFORM.fullmatch(platform):
        raise Invalid(_("“%(name)s” is no platform, such as linux/arm64.") % {"name": platform[:80]}, field="platform")


def _check_pairs(pairs: Mapping[str, str], *, pattern: re.Pattern[str], field: str) -> None:
    for name, value in pairs.items():
        if not pattern.fullmatch(name):
            raise Invalid(_("“%(name)s” is no name for it.") % {"name": name[:80]}, field=field)
        if "\0" in value or len(value) > LONGEST:
            raise Invalid(_("The value of “%(name)s” is too long, or holds a zero byte.") % {"name": name}, field=field)
