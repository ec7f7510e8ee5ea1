"""What the machine itself is doing, by ``/proc`` and ``/sys``: for an agent, which runs on it.

/proc/stat      cpu  user nice system idle iowait irq softirq steal …   (ticks of all processors)
/proc/meminfo   MemTotal: 4028416 kB / MemAvailable: 2101248 kB
/proc/loadavg   0.42 0.36 0.30 2/512 12345
/proc/net/dev   two lines of heading, then ``eth0: rx_bytes packets and six more, then tx_bytes …``
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
IDLE = slice(3, 5)
# "guest" and "guest_nice" are counted in "user" and "nice" already
COUNTED = slice(0, 8)
RX, TX = 0, 8


@dataclass(frozen=True, slots=True)
class MachineCounters:
    """``ticks`` and ``idle_ticks`` of all processors together; network of all that are devices."""

    at_s: float
    ticks: int
    idle_ticks: int
    cpus: int
    memory_bytes: int
    memory_available_bytes: int
    load: float
    rx_bytes: int
    tx_bytes: int


@dataclass(frozen=True, slots=True)
class Disk:
    """Of the file system that a directory is on. ``free_bytes`` is what is left for all but root."""

    total_bytes: int
    used_bytes: int
    free_bytes: int


def read_machine(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> MachineCounters:
    """Blocks for no longer than four small files take."""
    lines = (proc / "stat").read_text().splitlines()
    ticks = [int(word) for word in lines[0].split()[1:]]
    memory = dict(line.split(":", 1) for line in (proc / "meminfo").read_text().splitlines())
    rx_bytes, tx_bytes = _network(proc, sys)
    return MachineCounters(
        at_s=time.time(),
        ticks=sum(ticks[COUNTED]),
        idle_ticks=sum(ticks[IDLE]),
        cpus=sum(line.startswith("cpu") for line in lines) - 1,
        memory_bytes=_kib(memory["MemTotal"]),
        memory_available_bytes=_kib(memory["MemAvailable"]),
        load=float((proc / "loadavg").read_text().split()[0]),
        rx_bytes=rx_bytes,
        tx_bytes=tx_bytes,
    )


def read_disk(path: Path) -> Disk | None:
    """None when the directory is not on this machine, or not to be seen."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    return Disk(found.f_blocks * found.f_frsize, used, found.f_bavail * found.f_frsize)


def busy_percent(before: MachineCounters | None, now: MachineCounters) -> float | None:
    """Of all processors together: 100 when none idles."""
    passed = now.ticks - before.ticks if before else 0
    if before is None or passed <= 0:
        return None
    return max(0.0, min(100.0, 100 * (1 - (now.idle_ticks - before.idle_ticks) / passed)))


def per_second(before_s: float, now_s: float, before: int, now: int) -> float | None:
    """None when no time has passed, or the counter began anew."""
    return (now - before) / (now_s - before_s) if now_s > before_s and now >= before else None


def _kib(text: str) -> int:
    return int(text.split()[0]) * KIB


def _network(proc: Path, sys: Path) -> tuple[int, int]:
    """Bytes in and out of real devices: what containers say to each other passes bridges, and would count twice."""
    counted: dict[str, list[int]] = {}
    for line in (proc / "net/dev").read_text().splitlines()[2:]:
        name, _colon, numbers = line.partition(":")
        counted[name.strip()] = [int(word) for word in numbers.split()]
    devices = [name for name in counted if (sys / "class/net" / name / "device").exists()]
    chosen = devices or [name for name in counted if name != "lo"]
    return sum(counted[name][RX] for name in chosen), sum(counted[name][TX] for name in chosen)
