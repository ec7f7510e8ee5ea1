"""That a host leaves, or gets another name: apps above say what holds it, and follow.

A module ``leaving.py`` of an app registers with these; it is found when the console starts.
"""

from collections.abc import Callable, Iterator, Sequence

from console.hosts.models import Host

# names of what is on the host that somebody has to end first, in words fit to be shown
Holds = Callable[[Host], Sequence[str]]
# inside the operation that removes the host, and its transaction
Leaves = Callable[[Host], None]
# after commit, with the name before and the name from now on
Follows = Callable[[str, str], None]
_holding: list[Holds] = []
_holding_names: list[Holds] = []
_following: list[Follows] = []
_leaving: list[Leaves] = []


def holds_hosts(holds: Holds) -> Holds:
    _holding.append(holds)
    return holds


def leaves_with_hosts(leaves: Leaves) -> Leaves:
    _leaving.append(leaves)
    return leaves


def what_holds(host: Host) -> Iterator[str]:
    for holds in _holding:
        yield from holds(host)


def leave(host: Host) -> None:
    for leaves in _leaving:
        leaves(host)


def holds_names(holds: Holds) -> Holds:
    """As ``holds_hosts``, of what would be lost if the host had another name."""
    _holding_names.append(holds)
    return holds


def follows_names(follows: Follows) -> Follows:
    _following.append(follows)
    return follows


def what_holds_its_name(host: Host) -> Iterator[str]:
    for holds in _holding_names:
        yield from holds(host)


def follow(old: str, new: str) -> None:
    for follows in _following:
        follows(old, new)
