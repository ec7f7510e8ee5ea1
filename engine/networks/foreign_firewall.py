"""Firewalls of others that drop what is routed: a dockerd on this host sets the policy of iptables' FORWARD to DROP,
and a newer one that of ip6tables.

Our own accept does not help (see ``ruleset.py``), so our bridges are let through where the drop happens. What goes to
them is still ours to judge; what comes from them may not go to Docker's bridges.
"""

import logging
import shlex
import shutil
from collections.abc import Callable, Sequence
from typing import Final

from engine.host import processes

_log = logging.getLogger(__name__)
IPTABLES: Final = "iptables"
IP6TABLES: Final = "ip6tables"
_USER_CHAIN = "DOCKER-USER"
_TIMEOUT_S = 10.0


def wanted_rules(*bridges: str, beside_docker: bool) -> list[list[str]]:
    """In the order in which they must be read."""
    apart = [["-i", bridge, "-o", other, "-j", "DROP"] for bridge in bridges for other in ("docker+", "br-+")]
    let_through = [[side, bridge, "-j", "ACCEPT"] for bridge in bridges for side in ("-i", "-o")]
    return [*(apart if beside_docker else []), *let_through]


def listed_rules(listing: str, mark: str) -> list[list[str]]:
    """Arguments behind ``-A CHAIN`` of the rules in ``iptables -S CHAIN`` output whose comment is ``mark``."""
    rules = [shlex.split(line)[2:] for line in listing.splitlines() if line.startswith("-A ")]
    return [rule for rule in rules if mark in rule]


class ForeignFirewall:
    """``mark`` is the comment by which our rules are known; ``bridges`` is asked each time. ``program`` is that of a
    family; where no bridge has that, nothing is done."""

    def __init__(self, program: str, *, bridges: Callable[[], Sequence[str]], mark: str) -> None:
        self._bridges = bridges
        self._mark = mark
        self._name = program
        self._program = shutil.which(program)
        self._is_among = False

    async def let_through(self) -> None:
        """Make sure of our rules where somebody drops by default; nothing otherwise. Safe to repeat."""
        bridges = self._bridges()
        if not bridges and not self._is_among:
            return
        user_chain = await self._listing(_USER_CHAIN)
        forward = await self._listing("FORWARD")
        chain, listing = (_USER_CHAIN, user_chain) if user_chain else ("FORWARD", forward)
        if not user_chain and "-P FORWARD DROP" not in forward.splitlines():
            return
        wanted = [self._comment(rule) for rule in wanted_rules(*bridges, beside_docker=bool(user_chain))]
        if sorted(map(sorted, listed_rules(listing, self._mark))) == sorted(map(sorted, wanted)):
            return
        await self._remove_from(chain, listing)
        for place, rule in enumerate(wanted, start=1):
            await self._iptables("-I", chain, str(place), *rule)
        self._is_among = bool(wanted)
        if wanted:
            names = ", ".join(bridges)
            _log.info("let %s through %s of %s, which drops what is routed", names, chain, self._name)

    async def remove(self) -> None:
        for chain in (_USER_CHAIN, "FORWARD"):
            await self._remove_from(chain, await self._listing(chain))

    def _comment(self, rule: Sequence[str]) -> list[str]:
        # where iptables -S prints it: before the target
        return [*rule[:-2], "-m", "comment", "--comment", self._mark, *rule[-2:]]

    async def _remove_from(self, chain: str, listing: str) -> None:
        for rule in listed_rules(listing, self._mark):
            await self._iptables("-D", chain, *rule)

    async def _listing(self, chain: str) -> str:
        """Empty when there is no such chain."""
        if self._program is None:
            return ""
        done = await processes.run([self._program, "-w", "5", "-S", chain], timeout_s=_TIMEOUT_S)
        return done.stdout.decode(errors="replace") if done.returncode == 0 else ""

    async def _iptables(self, *arguments: str) -> None:
        done = await processes.run([self._program or self._name, "-w", "5", *arguments], timeout_s=_TIMEOUT_S)
        if done.returncode:
            _log.warning("%s %s: %s", self._name, " ".join(arguments), done.stderr.decode(errors="replace").strip())
