"""System calls of which it depends on the arguments whether a container may make them.

A filter sees registers of 64 bits; the kernel takes the lower 32 of what is an int, and C libraries extend its sign or
do not. Where a comparison allows, it therefore either wants the whole register to be right, or looks at the lower half
only: allowing "any family but 40" would allow 1 << 32 | 40, which the kernel takes for 40.

What has no answer here gets the filter's default, ENOSYS.

32-bit programs open sockets through socketcall(2), which hides the address family in memory: only ``compat``, which
shares that hole with Docker, runs them.
"""

import errno
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from engine.host.seccomp_filter import Condition, Operator, Rule
from engine.model.container import Profile

_NEW_NAMESPACES: Final = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET of linux/sched.h
_PERSONALITIES: Final = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)  # linux/personality.h: 32-bit, uname26, and "tell me"
_LOWER_HALF: Final = 0xFFFFFFFF
_WHOLE: Final = 0xFFFFFFFFFFFFFFFF

# address families of linux/socket.h
_UNIX, _INET, _INET6, _NETLINK, _PACKET, _ALG, _VSOCK = 1, 2, 10, 16, 17, 38, 40
_FAMILIES: Final = 46  # AF_MAX of Linux 6.18
_NETLINK_ROUTE: Final = 0
# linux/net.h: the kind is the lowest four bits of socket(2)'s type, the others are flags
_STREAM, _DGRAM, _RAW, _SEQPACKET = 1, 2, 3, 5
_SOCKET_KIND: Final = 0xF
# linux/in.h
_ICMP: Final = 1
_SOL_IP, _IP_HDRINCL = 0, 3
_LEVEL_BITS, _OPTION_BITS = 9, 8  # there is none above (linux/socket.h, linux/in.h)

# asm-generic/ioctls.h: typing into a terminal as if its user had
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C


def argument_rules(profile: Profile, *, capabilities: frozenset[str]) -> Iterator[Rule]:
    for value in _PERSONALITIES:
        yield Rule(("personality",), conditions=(Condition(0, Operator.EQUAL, value),))
    if "CAP_SYS_ADMIN" in capabilities:
        yield Rule(("ioctl",))
    else:
        yield from _ioctl_rules()
        yield from _clone_rules()
    if profile is Profile.COMPAT or "CAP_NET_RAW" in capabilities:
        yield Rule(("setsockopt",))
    else:
        yield from _setsockopt_rules()
    yield from _compat_families() if profile is Profile.COMPAT else _families(raw="CAP_NET_RAW" in capabilities)
    yield Rule(("socketpair",), conditions=(_is(0, _UNIX),))
    yield Rule(("socketpair",), error=errno.EAFNOSUPPORT, conditions=(Condition(0, Operator.GREATER, _UNIX),))


def _is(argument: int, value: int, *, mask: int = _LOWER_HALF) -> Condition:
    return Condition(argument, Operator.MASKED_EQUAL, mask, value)


def _is_none_of(
    argument: int, values: Collection[int], *, bits: int = 32, mask: int = _LOWER_HALF
) -> Iterator[Condition]:
    """Conditions of which exactly one holds for every other value of so many bits: libseccomp knows no "not equal"
    under a mask. One for each way to leave the values' common path, bit by bit from the highest."""
    for bit in reversed(range(bits)):
        paths = {value >> bit for value in values}
        for path in sorted({path ^ 1 for path in paths} - paths):
            yield _is(argument, path << bit, mask=mask >> bit << bit)


def _ioctl_rules() -> Iterator[Rule]:
    """All but those that type for another."""
    refused = {_TIOCSTI, _TIOCLINUX}
    for other in _is_none_of(1, refused):
        yield Rule(("ioctl",), conditions=(other,))
    for request in sorted(refused):
        yield Rule(("ioctl",), error=errno.EPERM, conditions=(_is(1, request),))


def _setsockopt_rules() -> Iterator[Rule]:
    """All but IP_HDRINCL, with which a raw socket for one protocol sends any other, from any address."""
    for level in _is_none_of(1, {_SOL_IP}, bits=_LEVEL_BITS, mask=_WHOLE):
        yield Rule(("setsockopt",), conditions=(level,))
    ip = Condition(1, Operator.EQUAL, _SOL_IP)
    for option in _is_none_of(2, {_IP_HDRINCL}, bits=_OPTION_BITS, mask=_WHOLE):
        yield Rule(("setsockopt",), conditions=(ip, option))
    yield Rule(("setsockopt",), error=errno.EPERM, conditions=(ip, Condition(2, Operator.EQUAL, _IP_HDRINCL)))
    above = Condition(2, Operator.GREATER, (1 << _OPTION_BITS) - 1)
    yield Rule(("setsockopt",), error=errno.ENOPROTOOPT, conditions=(ip, above))
    above = Condition(1, Operator.GREATER, (1 << _LEVEL_BITS) - 1)
    yield Rule(("setsockopt",), error=errno.ENOPROTOOPT, conditions=(above,))


def _clone_rules() -> Iterator[Rule]:
    yield Rule(("clone",), conditions=(_is(0, 0, mask=_NEW_NAMESPACES),))
    # a lone flag per rule: libseccomp knows no "not equal" under a mask
    for flag in (1 << bit for bit in range(32) if _NEW_NAMESPACES >> bit & 1):
        yield Rule(("clone",), error=errno.EPERM, conditions=(_is(0, flag, mask=flag),))


def _compat_families() -> Iterator[Rule]:
    """All but those that reach the hypervisor and the kernel's ciphers."""
    refused = {_ALG, _VSOCK}
    for family in sorted(set(range(_FAMILIES)) - refused):
        yield Rule(("socket",), conditions=(Condition(0, Operator.EQUAL, family),))
    yield from _absent(refused)
    yield Rule(("socket",), error=errno.EAFNOSUPPORT, conditions=(Condition(0, Operator.GREATER, _FAMILIES - 1),))


def _families(*, raw: bool) -> Iterator[Rule]:
    """Others fail as if the kernel had been built without them; programs are ready for that, not for EPERM."""
    families = {_UNIX, _INET, _INET6, _PACKET} if raw else {_UNIX, _INET, _INET6}
    for family in sorted(families if raw else {_UNIX}):
        yield Rule(("socket",), conditions=(Condition(0, Operator.EQUAL, family),))
    if not raw:
        yield from _everyday_kinds(_INET, raw=_ICMP)
        yield from _everyday_kinds(_INET6)
    netlink = Condition(0, Operator.EQUAL, _NETLINK)
    yield Rule(("socket",), conditions=(netlink, Condition(2, Operator.EQUAL, _NETLINK_ROUTE)))
    other = Condition(2, Operator.GREATER, _NETLINK_ROUTE)
    yield Rule(("socket",), error=errno.EPROTONOSUPPORT, conditions=(netlink, other))
    last = max(*families, _NETLINK)
    yield from _absent(set(range(last)) - families - {_NETLINK})
    yield Rule(("socket",), error=errno.EAFNOSUPPORT, conditions=(Condition(0, Operator.GREATER, last),))


def _everyday_kinds(family: int, *, raw: int | None = None) -> Iterator[Rule]:
    """Others are refused with EPERM, on which ping(8) tries a datagram socket. Among them SOCK_PACKET, which the kernel
    takes for AF_PACKET (net/socket.c, __sock_create). ``raw``: a protocol of which there may be raw sockets too."""
    same = Condition(0, Operator.EQUAL, family)
    everyday = {_STREAM, _DGRAM, _SEQPACKET}
    for kind in sorted(everyday):
        yield Rule(("socket",), conditions=(same, _is(1, kind, mask=_SOCKET_KIND)))
    known = everyday if raw is None else {*everyday, _RAW}
    for other in _is_none_of(1, known, bits=_SOCKET_KIND.bit_length(), mask=_SOCKET_KIND):
        yield Rule(("socket",), error=errno.EPERM, conditions=(same, other))
    if raw is not None:
        is_raw = (same, _is(1, _RAW, mask=_SOCKET_KIND))
        for operator, error in ((Operator.EQUAL, None), (Operator.LESS, errno.EPERM), (Operator.GREATER, errno.EPERM)):
            yield Rule(("socket",), error=error, conditions=(*is_raw, Condition(2, operator, raw)))


def _absent(families: Iterable[int]) -> Iterator[Rule]:
    for family in sorted(families):
        yield Rule(("socket",), error=errno.EAFNOSUPPORT, conditions=(Condition(0, Operator.EQUAL, family),))
