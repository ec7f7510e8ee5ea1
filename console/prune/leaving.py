"""What is held back on a host that is removed is held no more."""

from console.hosts.leaving import leaves_with_hosts
from console.hosts.models import Host
from console.prune.models import Quarantined


@leaves_with_hosts
def held_images_leave(host: Host) -> None:
    Quarantined.objects.filter(host=host).delete()
