"""The program that runs as a container's process 1 when it asks for one (``docker run --init``)."""

import shutil
from pathlib import Path
from typing import Final

# all statically linked: the container's libraries, if it has any, are not the host's. Debian: package tini, catatonit
_PROGRAMS: Final = ("tini-static", "catatonit", "docker-init")


def find_init() -> Path | None:
    for name in _PROGRAMS:
        if path := shutil.which(name):
            return Path(path).resolve()
    return None
