"""What was measured of a host follows it to another name."""

import contextlib

from console.hosts.leaving import follows_names
from console.stats.latest import folder_of


@follows_names
def samples_follow(old: str, new: str) -> None:
    # a host that was never measured has none; what is measured under the new name already stays
    with contextlib.suppress(OSError):
        folder_of(old).rename(folder_of(new))
