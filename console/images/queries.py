"""Reading images: those over which image.view is held."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.images.models import Image
from console.images.references import Reference, is_image_id
from console.jobs.blobs import require_kept
from console.jobs.queries import get_job
from console.operations.actor import Actor
from console.operations.errors import Invalid, Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded, may
from console.workspaces.models import Workspace

PATHS = Paths(workspace="workspace_id", host="host_id")


def visible_images(actor: Actor, *, host: str = "", workspace: str = "") -> QuerySet[Image]:
    """Newest first, over all hosts and workspaces or one, hosts and workspaces along."""
    all_images = Image.objects.select_related("host", "workspace").order_by("-created_at", "-pk")
    images = bounded(actor, Permission.IMAGE_VIEW, all_images, PATHS)
    if workspace:
        images = images.filter(workspace__slug=workspace)
    return images.filter(host__name=host) if host else images


def images_like(actor: Actor, text: str, *, host: str = "", workspace: str = "", shown: str = "") -> QuerySet[Image]:
    """As ``visible_images``, of those with ``text`` in a name or at the beginning of the id; ``shown``: "tagged" or
    "dangling" alone.
    """
    images = visible_images(actor, host=host, workspace=workspace)
    if shown == "dangling":
        images = images.filter(references=[])
    elif shown == "tagged":
        images = images.exclude(references=[])
    if not text:
        return images
    return images.filter(references__icontains=text) | images.filter(engine_id__startswith=text.lower())


def get_image(actor: Actor, host_name: str, engine_id: str) -> Image:
    """By the id's first 12 or more digits."""
    if len(engine_id) >= 12:
        image = visible_images(actor, host=host_name).filter(engine_id__startswith=engine_id).first()
        if image is not None:
            return image
    raise Missing(_("There is no image “%(id)s” on this host.") % {"id": engine_id})


def find_image(host: Host, name: str, *, workspace: Workspace | None = None) -> Image | None:
    """The image on the host that is meant by a reference or an id, of that workspace or, without one, of any.

    A rule of operations, so it asks for no permission.
    """
    images = Image.objects.filter(host=host)
    if workspace is not None:
        images = images.filter(workspace=workspace)
    if is_image_id(name):
        found = images.filter(engine_id__startswith=name.removeprefix("sha256:")).first()
        if found is not None:
            return found
    wanted = str(Reference.parse(name, field="image"))
    return next((image for image in images if wanted in image.references), None)


def kept_context(actor: Actor, number: int) -> str:
    """The SHA-256 of what an earlier build was given.

    Who may build in the workspace that it was uploaded for may have it; Invalid when it is not kept.
    """
    job = get_job(actor, number)
    stored = job.args.get("context") if job.kind == "image.build" else None
    if stored is None or not may(actor, Permission.IMAGE_BUILD, on=job):
        raise Invalid(_("There are no files of job %(number)d to build from.") % {"number": number}, field="source")
    require_kept(stored)
    return str(stored)
