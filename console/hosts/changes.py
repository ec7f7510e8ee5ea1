"""That a host was lost or is back: said while it is written down, to apps above that have registered."""

from collections.abc import Callable

from console.hosts.models import Host

# by the row as it is now, in the transaction that writes it: its ``lost_at`` says which of the two
Hears = Callable[[Host], None]
_hearing: list[Hears] = []


def hears_of_hosts(hears: Hears) -> Hears:
    _hearing.append(hears)
    return hears


def tell(host: Host) -> None:
    for hears in _hearing:
        hears(host)
