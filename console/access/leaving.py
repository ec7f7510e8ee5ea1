"""Grants over a host go with it: the name may come to mean another machine."""

from console.access.models import Grant
from console.hosts.leaving import leaves_with_hosts
from console.hosts.models import Host


@leaves_with_hosts
def grants_leave(host: Host) -> None:
    Grant.objects.filter(host=host).delete()
