"""Building and removing images."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.hosts.queries import get_host
from console.images.bases import base_images, registry_of
from console.images.build_secrets import given_secrets
from console.images.context import DOCKERFILE_LIMIT_BYTES, kept_dockerfile, store_context
from console.images.models import Image
from console.images.observations import claim
from console.images.queries import get_image, kept_context
from console.images.references import Reference, is_image_id
from console.jobs.models import Job
from console.jobs.operations import add_job, judges_again, require_idle
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.policy import may
from console.operations.runner import Operation, operation, publish_on_commit
from console.workspaces.asked import Asked
from console.workspaces.models import Workspace
from console.workspaces.placing import place_for_new, require_by_rules, require_workspace
from console.workspaces.queries import get_workspace, workspace_for_new
from console.workspaces.rules import Used, judge

BUILD = "image.build"
STARTER_TAG = "hello-naru:latest"


def build_image(
    actor: Actor,
    host_name: str,
    *,
    tag: str,
    workspace: str = "",
    dockerfile: str = "",
    context: BinaryIO | None = None,
    context_of: int | None = None,
    dockerfile_path: str = "Dockerfile",
    secrets: Mapping[str, str] | None = None,
    registries: Mapping[str, Mapping[str, str]] | None = None,
) -> Job:
    """Build from a pasted ``dockerfile``, from an uploaded ``context`` (tar, tar.gz or zip), or from the context that
    an earlier build was given (``context_of``, its number), never two of them.

    ``workspace`` is whose the image will be; empty: the first in which the actor may. What its rules do not allow is
    Denied, and a tag that another workspace's image has on this host is a Conflict: it would be taken from it.

    ``secrets`` by id are for ``RUN --mount=type=secret,id=…``; ``registries`` by address are ``username`` and
    ``password`` to pull with. Values and passwords are written ``secret:NAME``; that needs secret.use, too.

    Needs image.build. Invalid names ``tag``, ``dockerfile``, ``context``, ``dockerfile_path``, ``secrets`` or
    ``registries``; then nothing is kept.
    """
    with _building(actor, host_name, workspace, tag=tag) as (op, host, owner):
        reference = Reference.parse(tag, field="tag")
        _require_own_tag(host, str(reference), workspace=owner)
        args: dict[str, Any] = {"tag": str(reference), **given_secrets(actor, owner, secrets or {}, registries or {})}
        op.details |= {name: args[name] for name in ("secrets",) if name in args}
        blobs = []
        if context_of is not None:
            stored = kept_context(actor, context_of)
            args |= {"context": stored, "dockerfile_path": dockerfile_path}
            blobs.append(stored)
        elif context is not None:
            if dockerfile.strip():
                raise Invalid(_("Give a Dockerfile or a context, not both."), field="context")
            stored = store_context(context, dockerfile_path=dockerfile_path)
            args |= {"context": stored, "dockerfile_path": dockerfile_path}
            blobs.append(stored)
        else:
            args["dockerfile"] = _checked_dockerfile(dockerfile)
        require_allowed(owner, host, args)
        return add_job(op, BUILD, host=host, workspace=owner, args=args, on_name=str(reference), blobs=blobs)


def build_starter(actor: Actor, host_name: str, *, workspace: str = "") -> Job:
    """Build “Hello, Naru” from the host's own busybox: it needs no network. Needs image.build."""
    with _building(actor, host_name, workspace, tag=STARTER_TAG) as (op, host, owner):
        args: dict[str, Any] = {"tag": STARTER_TAG, "starter": True}
        require_allowed(owner, host, args)
        return add_job(op, BUILD, host=host, workspace=owner, args=args, on_name=STARTER_TAG)


def remove_image(actor: Actor, host_name: str, engine_id: str, *, force: bool = False) -> Job:
    """Remove the image with all its tags; ``force`` also while stopped containers use it. Needs image.remove."""
    image = get_image(actor, host_name, engine_id)
    with operation(actor, Permission.IMAGE_REMOVE, on=image, host=image.host.name, force=force) as op:
        require_idle(image)
        for other in Image.objects.filter(host=image.host, engine_id=image.engine_id).exclude(pk=image.pk):
            if not may(actor, Permission.IMAGE_REMOVE, on=other):
                raise Conflict(_("Another workspace uses this image on the same host."))
        args = {"engine_id": image.engine_id, "force": force}
        return add_job(op, "image.remove", host=image.host, workspace=image.workspace, args=args, on=image)


def share_image(actor: Actor, host_name: str, engine_id: str, *, workspace: str) -> Image:
    """Let another workspace have the image too, to run it and build on it. Needs workspace.manage."""
    image = get_image(actor, host_name, engine_id)
    to = get_workspace(actor, workspace)
    with operation(actor, Permission.WORKSPACE_MANAGE, on=image, shared_with=to.slug):
        shared = claim(image, to)
        publish_on_commit("rows.images", {"host": host_name})
    return shared


@contextmanager
def _building(actor: Actor, host_name: str, workspace: str, *, tag: str) -> Iterator[tuple[Operation, Host, Workspace]]:
    host = get_host(actor, host_name)
    owner = workspace_for_new(actor, workspace, Permission.IMAGE_BUILD)
    inputs: dict[str, Any] = {"host": host.name, "workspace": str(owner) if owner else None, "tag": tag[:300]}
    with operation(actor, Permission.IMAGE_BUILD, at=place_for_new(owner, host), **inputs) as op:
        yield op, host, require_workspace(owner)


def require_allowed(workspace: Workspace, host: Host, args: Mapping[str, Any]) -> None:
    """Denied unless the workspace's rules let it build this there; Conflict where it is on another's image."""
    registries = set()
    for name in _bases(args):
        if _comes_from_registry(name, host, workspace=workspace):
            registries.add(registry_of(name))
    asked = Asked(registries=tuple(sorted(registries)))
    require_by_rules(judge(workspace.rules, asked, workspace=workspace.slug, host=host.name, used=Used()))


def _bases(args: Mapping[str, Any]) -> list[str]:
    if args.get("starter"):
        return []
    if "context" in args:
        path = args.get("dockerfile_path", "Dockerfile")
        return base_images(kept_dockerfile(args["context"], dockerfile_path=path))
    return base_images(args["dockerfile"])


def _comes_from_registry(name: str, host: Host, *, workspace: Workspace) -> bool:
    """Whether the host has it not yet. Conflict when it is another workspace's: building on it would read it."""
    owners = {image.workspace_id for image in Image.objects.filter(host=host) if _is_named(image, name)}
    if owners and workspace.pk not in owners:
        raise Conflict(_("The name “%(name)s” is in use on this host.") % {"name": name[:80]}, field="dockerfile")
    return not owners


def _is_named(image: Image, name: str) -> bool:
    """By its id, by a tag, or, for a name with a digest, by any tag of that repository."""
    if is_image_id(name):
        return image.engine_id.startswith(name.removeprefix("sha256:"))
    repository, at, _digest = name.partition("@")
    names = {_plain(reference) for reference in image.references}
    if at:
        return _repository(_plain(repository)) in {_repository(one) for one in names}
    return _plain(name) in names


def _plain(name: str) -> str:
    """One spelling for one name: without Docker's default registry, with a tag."""
    short = name.removeprefix("docker.io/").removeprefix("index.docker.io/").removeprefix("library/")
    return short if ":" in short.rsplit("/", 1)[-1] else f"{short}:latest"


def _repository(name: str) -> str:
    return name.rpartition(":")[0]


def _require_own_tag(host: Host, reference: str, *, workspace: Workspace) -> None:
    others = Image.objects.filter(host=host, is_shared=False).exclude(workspace=workspace)
    if any(reference in image.references for image in others):
        raise Conflict(_("The name “%(name)s” is in use on this host.") % {"name": reference}, field="tag")


@judges_again(BUILD)
def _judge_build_again(job: Job) -> None:
    if job.workspace is not None:
        require_allowed(job.workspace, job.host, job.args)
        if not job.args.get("starter"):
            _require_own_tag(job.host, str(job.args["tag"]), workspace=job.workspace)


def check_build(inputs: Mapping[str, Any]) -> None:
    """Invalid as build_image, for what of the inputs can be judged beforehand."""
    Reference.parse(str(inputs.get("tag", "")), field="tag")
    _checked_dockerfile(str(inputs.get("dockerfile", "")))


def _checked_dockerfile(text: str) -> str:
    if not text.strip():
        raise Invalid(_("The Dockerfile is empty."), field="dockerfile")
    if len(text.encode()) > DOCKERFILE_LIMIT_BYTES:
        raise Invalid(_("The Dockerfile is longer than 256 KiB."), field="dockerfile")
    if "\0" in text:
        raise Invalid(_("The Dockerfile is not text."), field="dockerfile")
    return text.replace("\r\n", "\n")
