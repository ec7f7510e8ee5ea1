"""Reading images. Needs image.view."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.images.models import Image
from console.images.references import Reference, is_image_id
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import may


def visible_images(actor: Actor, *, host: str = "") -> QuerySet[Image]:
    """Newest first, over all hosts or one, hosts along."""
    if not may(actor, Permission.IMAGE_VIEW):
        return Image.objects.none()
    images = Image.objects.select_related("host").order_by("-created_at", "-pk")
    return images.filter(host__name=host) if host else images


def get_image(actor: Actor, host_name: str, engine_id: str) -> Image:
    """By the id's first 12 or more digits."""
    if len(engine_id) >= 12:
        image = visible_images(actor, host=host_name).filter(engine_id__startswith=engine_id).first()
        if image is not None:
            return image
    raise Missing(_("There is no image “%(id)s” on this host.") % {"id": engine_id})


def find_image(host: Host, name: str) -> Image | None:
    """The image a person means by a reference or an id. A rule of operations, so it asks for no permission."""
    images = Image.objects.filter(host=host)
    if is_image_id(name):
        found = images.filter(engine_id__startswith=name.removeprefix("sha256:")).first()
        if found is not None:
            return found
    wanted = str(Reference.parse(name, field="image"))
    return next((image for image in images if wanted in image.references), None)
