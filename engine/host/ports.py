"""Holding a port of the host: nobody else can bind it, and we notice who already has.

Published ports are translated by the packet filter and need no socket. We bind one all the same, so that a server of
the host, or a second engine, meets "address already in use" instead of silently getting nothing.
"""

import errno
import os
import socket
from typing import Self

from engine.model.errors import Conflict
from engine.model.ports import Protocol

_KINDS = {Protocol.TCP: socket.SOCK_STREAM, Protocol.UDP: socket.SOCK_DGRAM, Protocol.SCTP: socket.SOCK_SEQPACKET}
_SCTP = 132  # IPPROTO_SCTP, linux/in.h
_WORDS = {errno.EADDRINUSE: "address already in use", errno.EADDRNOTAVAIL: "cannot assign requested address"}


class HeldPort:
    """A bound socket that never listens. ``release()`` gives the port back; safe to repeat."""

    def __init__(self, held: socket.socket | None) -> None:
        self._socket = held

    @classmethod
    def claim(cls, host_ip: str, number: int, protocol: Protocol) -> Self:
        """Raises Conflict, in Docker's words, when another program has it or the address is not this host's."""
        try:
            family = socket.AF_INET6 if ":" in host_ip else socket.AF_INET
            held = socket.socket(family, _KINDS[protocol], _SCTP if protocol is Protocol.SCTP else 0)
        except OSError:
            return cls(None)  # a kernel that cannot speak the protocol has nobody listening on it either
        try:
            _bind(held, host_ip, number, protocol)
        except OSError as error:
            held.close()
            why = _WORDS.get(error.errno or 0) or os.strerror(error.errno or 0).lower()
            where = f"{protocol}6 [{host_ip}]" if ":" in host_ip else f"{protocol}4 {host_ip}"
            raise Conflict(f"listen {where}:{number}: bind: {why}") from error
        return cls(held)

    def release(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _bind(held: socket.socket, host_ip: str, number: int, protocol: Protocol) -> None:
    if held.family == socket.AF_INET6:
        held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # the same port of IPv4 is another
    if protocol is not Protocol.TCP:
        held.bind((host_ip, number))
        return
    # With SO_REUSEADDR, connections in TIME_WAIT do not count, nor does another bound socket that has the option:
    # only listen(2) asks the real question. Afterwards back to merely bound, and without the option, so that
    # the next one's listen(2) fails (inet_csk_bind_conflict() in net/ipv4/inet_connection_sock.c).
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((host_ip, number))
    held.listen(0)
    held.shutdown(socket.SHUT_RD)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
