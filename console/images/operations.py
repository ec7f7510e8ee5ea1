"""Building and removing images."""

from typing import BinaryIO

from django.utils.translation import gettext as _

from console.hosts.queries import get_host
from console.images.context import store_context
from console.images.queries import get_image
from console.images.references import Reference
from console.jobs.models import Job
from console.jobs.operations import add_job, require_idle
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.operations.permissions import Permission
from console.operations.runner import operation

DOCKERFILE_LIMIT_BYTES = 256 * 1024
STARTER_TAG = "hello-naru:latest"


def build_image(
    actor: Actor,
    host_name: str,
    *,
    tag: str,
    dockerfile: str = "",
    context: BinaryIO | None = None,
    dockerfile_path: str = "Dockerfile",
) -> Job:
    """Build from a pasted ``dockerfile``, or from an uploaded ``context`` (tar, tar.gz or zip), never both.

    Needs image.build. Invalid names ``tag``, ``dockerfile``, ``context`` or ``dockerfile_path``; then nothing is kept.
    """
    host = get_host(actor, host_name)
    with operation(actor, Permission.IMAGE_BUILD, host=host.name, tag=tag[:300]) as op:
        reference = Reference.parse(tag, field="tag")
        args = {"tag": str(reference)}
        blobs = []
        if context is not None:
            if dockerfile.strip():
                raise Invalid(_("Give a Dockerfile or a context, not both."), field="context")
            stored = store_context(context, dockerfile_path=dockerfile_path)
            args |= {"context": stored, "dockerfile_path": dockerfile_path}
            blobs.append(stored)
        else:
            args["dockerfile"] = _checked_dockerfile(dockerfile)
        return add_job(op, "image.build", host=host, args=args, on_name=str(reference), blobs=blobs)


def build_starter(actor: Actor, host_name: str) -> Job:
    """Build “Hello, Naru” from the host's own busybox: it needs no network. Needs image.build."""
    host = get_host(actor, host_name)
    with operation(actor, Permission.IMAGE_BUILD, host=host.name, tag=STARTER_TAG) as op:
        return add_job(op, "image.build", host=host, args={"tag": STARTER_TAG, "starter": True}, on_name=STARTER_TAG)


def remove_image(actor: Actor, host_name: str, engine_id: str, *, force: bool = False) -> Job:
    """Remove the image with all its tags; ``force`` also while stopped containers use it. Needs image.remove."""
    image = get_image(actor, host_name, engine_id)
    with operation(actor, Permission.IMAGE_REMOVE, on=image, host=image.host.name, force=force) as op:
        require_idle(image)
        args = {"engine_id": image.engine_id, "force": force}
        return add_job(op, "image.remove", host=image.host, args=args, on=image)


def _checked_dockerfile(text: str) -> str:
    if not text.strip():
        raise Invalid(_("The Dockerfile is empty."), field="dockerfile")
    if len(text.encode()) > DOCKERFILE_LIMIT_BYTES:
        raise Invalid(_("The Dockerfile is longer than 256 KiB."), field="dockerfile")
    if "\0" in text:
        raise Invalid(_("The Dockerfile is not text."), field="dockerfile")
    return text.replace("\r\n", "\n")
