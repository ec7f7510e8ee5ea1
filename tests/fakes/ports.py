"""Ports of this machine."""

import socket


def free_port() -> int:
    """On 127.0.0.1; nobody had it when it was looked for."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
