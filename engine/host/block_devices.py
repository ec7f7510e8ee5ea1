"""Block devices of the host, as limits on them need to be named."""

import os
import stat
from pathlib import Path

from engine.model.errors import Invalid


def disk_number(path: str) -> tuple[int, int]:
    """Major and minor number of a whole disk. Raises Invalid for anything else: the kernel limits disks only."""
    try:
        found = Path(path).stat()
    except OSError as error:
        raise Invalid(f"stat {path[:255]}: {(error.strerror or str(error)).lower()}") from error
    if not stat.S_ISBLK(found.st_mode):
        raise Invalid(f"{path[:255]} is not a block device")
    major, minor = os.major(found.st_rdev), os.minor(found.st_rdev)
    if Path(f"/sys/dev/block/{major}:{minor}/partition").exists():
        raise Invalid(f"{path[:255]} is a partition; limits can be set on its whole disk only")
    return major, minor
