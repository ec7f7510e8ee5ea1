"""What a container's first page tells besides its row: why it ended, where to open it, and whether its image is old."""

from typing import Any

from django.http import HttpRequest

from console.containers.links import linked_ports
from console.containers.models import Container
from console.containers.reasons import reason_of
from console.images.models import Image
from console.images.queries import visible_images
from console.images.references import Reference, is_image_id
from console.operations.actor import Actor
from console.operations.errors import Invalid


def overview_of(request: HttpRequest, actor: Actor, container: Container) -> dict[str, Any]:
    return {
        "reason": "" if container.is_alive else reason_of(container.exit_code, is_oom=container.oom_killed),
        "ports": linked_ports(request, container.host, container.ports),
        "newer_image": newer_image(actor, container),
        "restart": container.shape.get("restart", ""),
        "pids": container.shape.get("limits", {}).get("pids", 0),
    }


def newer_image(actor: Actor, container: Container) -> Image | None:
    """The image that the container's reference means on its host by now, where that is another one."""
    if container.gone_at is not None or is_image_id(container.image) or not container.image_engine_id:
        return None
    try:
        wanted = str(Reference.parse(container.image, field="image"))
    except Invalid:
        return None
    images = visible_images(actor, host=container.host.name).filter(references__icontains=wanted.rpartition("/")[2])
    found = next((image for image in images if wanted in image.references), None)
    return found if found is not None and found.engine_id != container.image_engine_id else None
