"""Kernel settings below /proc/sys. Those of ``net/`` are of the calling thread's network namespace."""

from pathlib import Path
from typing import Final

from engine.model.errors import Unavailable

_ROOT: Final = Path("/proc/sys")


def find_sysctl(name: str) -> str | None:
    """``name`` has slashes, because link names may have dots: ``net/ipv4/ip_forward``. None: the kernel has it not."""
    try:
        return (_ROOT / name).read_text().strip()
    except FileNotFoundError:
        return None


def has_ipv6() -> bool:
    """Whether the kernel has IPv6, and it is not turned off for the whole host."""
    return find_sysctl("net/ipv6/conf/all/disable_ipv6") == "0"


def set_sysctl(name: str, value: str) -> bool:
    """Make it so; True when it was not so before. Writes only then: some settings act upon every write."""
    if find_sysctl(name) == value:
        return False
    try:
        (_ROOT / name).write_text(value)
    except OSError as error:
        raise Unavailable(f"cannot set {name.replace('/', '.')} to {value}: {error.strerror}") from error
    return True
