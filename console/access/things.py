"""What a person means by "shop/web", "shop/" or "#7": something that grants cover, if the asker can see it."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from console.containers.models import Container
from console.containers.queries import visible_containers
from console.images.models import Image
from console.images.queries import visible_images
from console.images.references import Reference, is_image_id
from console.jobs.queries import get_job
from console.operations.actor import Actor
from console.operations.errors import Invalid, Missing
from console.operations.policy import NOWHERE, Place
from console.workspaces.queries import get_workspace


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    place: Place
    owner_pk: int | None = None


def find_thing(actor: Actor, text: str) -> Thing:
    """Invalid (``thing``) when there is none in sight: the same answer for what is not there and what is not shown."""
    text = text.strip()
    if not text:
        return Thing(_("everything"), NOWHERE)
    try:
        found = _found(actor, text)
    except (Missing, Invalid):
        found = None
    if found is None:
        raise Invalid(_("There is no “%(name)s”.") % {"name": text[:80]}, field="thing")
    return found


def _found(actor: Actor, text: str) -> Thing | None:
    number = text.removeprefix("#")
    if text.startswith("#") and number.isdecimal() and len(number) <= 18:
        job = get_job(actor, int(number))
        return Thing(f"#{job.number}", job.place, job.owner_pk)
    workspace, _slash, name = text.partition("/")
    if not name:
        found = get_workspace(actor, workspace)
        return Thing(f"{found.slug}/", found.place)
    row = _container(actor, workspace, name) or _image(actor, workspace, name)
    return Thing(f"{row.workspace.slug}/{row}", row.place) if row is not None else None


def _container(actor: Actor, workspace: str, name: str) -> Container | None:
    """One that is there goes before one that is gone."""
    known = visible_containers(actor).filter(workspace__slug=workspace)
    by_name = known.filter(name=name).first()
    return by_name or (known.filter(engine_id__startswith=name).first() if len(name) >= 12 else None)


def _image(actor: Actor, workspace: str, name: str) -> Image | None:
    known = visible_images(actor, workspace=workspace)
    if is_image_id(name):
        return known.filter(engine_id__startswith=name.removeprefix("sha256:")).first()
    wanted = str(Reference.parse(name, field="thing"))
    return next((image for image in known if wanted in image.references), None)
