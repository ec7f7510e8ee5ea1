"""Networks of a host that is removed are known there no more; what is on record of them stays."""

from django.utils import timezone

from console.hosts.leaving import leaves_with_hosts
from console.hosts.models import Host
from console.networks.models import Network
from console.operations.runner import publish_on_commit


@leaves_with_hosts
def networks_leave(host: Host) -> None:
    Network.objects.filter(host=host, gone_at=None).update(gone_at=timezone.now())
    publish_on_commit("rows.networks", {"host": host.name})
