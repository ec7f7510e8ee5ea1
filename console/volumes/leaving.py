"""Volumes of a host that is removed are known there no more; what is on record of them stays."""

from django.utils import timezone

from console.hosts.leaving import leaves_with_hosts
from console.hosts.models import Host
from console.operations.runner import publish_on_commit
from console.volumes.models import Volume


@leaves_with_hosts
def volumes_leave(host: Host) -> None:
    Volume.objects.filter(host=host, gone_at=None).update(gone_at=timezone.now())
    publish_on_commit("rows.volumes", {"host": host.name})
