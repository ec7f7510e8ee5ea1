"""Making this host a router between its links, which is a setting of the whole host. Blocks."""

import logging
from typing import Final

from engine.host.netlink import Rtnetlink
from engine.host.sysctl import find_sysctl, set_sysctl

_log = logging.getLogger(__name__)
_EVEN_IF_FORWARDING: Final = "2"  # accept_ra in the kernel's Documentation/networking/ip-sysctl.rst


def forward_ipv4() -> None:
    if set_sysctl("net/ipv4/ip_forward", "1"):
        _log.info("turned on net.ipv4.ip_forward: this host now routes between its links")


def forward_ipv6() -> None:
    """Links by which the host has been told its own routes go on listening: a router would not any more."""
    if find_sysctl("net/ipv6/conf/all/forwarding") == "1":
        return
    with Rtnetlink() as rtnetlink:
        names = [link.name for link in rtnetlink.links()]
    for name in names:
        if find_sysctl(f"net/ipv6/conf/{name}/accept_ra") == "1" and name != "lo":
            set_sysctl(f"net/ipv6/conf/{name}/accept_ra", _EVEN_IF_FORWARDING)
    set_sysctl("net/ipv6/conf/all/forwarding", "1")
    _log.info("turned on net.ipv6.conf.all.forwarding: this host now routes IPv6 between its links")
