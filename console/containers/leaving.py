"""Containers of a host that is removed are known there no more; what is on record of them stays."""

from django.utils import timezone

from console.containers.models import Container
from console.hosts.leaving import leaves_with_hosts
from console.hosts.models import Host
from console.operations.runner import publish_on_commit


@leaves_with_hosts
def containers_leave(host: Host) -> None:
    Container.objects.filter(host=host, gone_at=None).update(gone_at=timezone.now())
    publish_on_commit("rows.containers", {"host": host.name})
