"""The machine's processors, and the interfaces of a process' network, as /proc counts them (proc(5))."""

import os
from pathlib import Path
from typing import Final

from engine.model.stats import InterfaceUse, MachineCpu

_NS_PER_TICK: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_FIELDS: Final = 7  # user nice system idle iowait irq softirq; what Docker adds up, without time stolen by other guests


def machine_cpu() -> MachineCpu:
    """Blocks for a moment."""
    used_ns = online = 0
    with Path("/proc/stat").open() as lines:
        for line in lines:
            if not line.startswith("cpu"):  # the processors come first
                break
            name, *ticks = line.split()
            if name == "cpu":
                used_ns = sum(map(int, ticks[:_FIELDS])) * _NS_PER_TICK
            else:
                online += 1
    return MachineCpu(used_ns, online)


def interfaces(pid: int) -> dict[str, InterfaceUse]:
    """Of the network namespace that ``pid`` is in, without the loopback; {} when the process is gone. Blocks."""
    try:
        text = Path(f"/proc/{pid}/net/dev").read_text()
    except OSError:
        return {}
    return parse_interfaces(text)


def parse_interfaces(text: str) -> dict[str, InterfaceUse]:
    """/proc/PID/net/dev: two lines of titles, then "eth0: " with eight counters received and eight sent."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, counters = line.strip().partition(":")
        values = [int(value) for value in counters.split()]
        if name != "lo" and len(values) >= 12:
            found[name] = InterfaceUse(*values[:4], *values[8:12])
    return found
