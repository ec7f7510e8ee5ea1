"""Which ports are listened at in a network namespace, as the kernel shows them (proc(5), /proc/net/tcp)."""

import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Final

_LISTEN: Final = "0A"  # TCP_LISTEN, include/net/tcp_states.h


def listening_ports(pid: int) -> frozenset[int]:
    """Of TCP, in the namespace of process ``pid``, on addresses that are reached from elsewhere. Blocks.

    Empty when there is no such process.
    """
    found = set()
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
        except OSError:  # it has ended, or there is no IPv6
            continue
        for line in lines:
            _, local, _, state = line.split(maxsplit=4)[:4]
            address, _, port = local.partition(":")
            if state == _LISTEN and not _is_loopback(address):
                found.add(int(port, 16))
    return frozenset(found)


def _is_loopback(address: str) -> bool:
    """``address`` is hex of 32-bit words in the machine's own byte order."""
    words = [int(address[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(address), 8)]
    return ip_address(b"".join(words)).is_loopback
