"""Images of a host that is removed are off the list, as those that it has not any more."""

from console.hosts.leaving import leaves_with_hosts
from console.hosts.models import Host
from console.images.models import Image
from console.operations.runner import publish_on_commit


@leaves_with_hosts
def images_leave(host: Host) -> None:
    Image.objects.filter(host=host).delete()
    publish_on_commit("rows.images", {"host": host.name})
