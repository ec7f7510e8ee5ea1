"""Building, removing, naming and moving images."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.hosts.queries import get_host
from console.hub.names import full_name
from console.hub.queries import account_for
from console.images.archives import store_files, store_images
from console.images.bases import base_images, registry_of
from console.images.build_options import BuildOptions
from console.images.build_secrets import given_git, given_secrets, merged
from console.images.context import DOCKERFILE_LIMIT_BYTES, kept_dockerfile, store_context
from console.images.models import Image
from console.images.owning import (
    account_args,
    base_rules,
    claim,
    require_bases_allowed,
    require_own_names,
    require_registries_allowed,
)
from console.images.pulling import pull_args, require_pullable
from console.images.queries import get_image, kept_context
from console.images.references import PullName, Reference, plain_name
from console.jobs.models import Job
from console.jobs.operations import add_job, judges_again, require_idle
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.policy import may
from console.operations.runner import Operation, operation, publish_on_commit
from console.web.permits import require_held
from console.workspaces.models import Workspace
from console.workspaces.placing import place_for_new, require_workspace
from console.workspaces.queries import get_workspace, workspace_for_new

BUILD = "image.build"
PULL = "image.pull"
PUSH = "image.push"
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
    git: Mapping[str, str] | None = None,
    dockerfile_path: str = "Dockerfile",
    secrets: Mapping[str, str] | None = None,
    registries: Mapping[str, Mapping[str, str]] | None = None,
    options: BuildOptions | None = None,
) -> Job:
    """Build from a pasted ``dockerfile``, from an uploaded ``context`` (tar, tar.gz or zip), from the context that an
    earlier build was given (``context_of``, its number), or from a ``git`` repository (``url``, ``ref``,
    ``directory``, ``username`` and ``password``), never two of them.

    ``workspace`` is whose the image will be; empty: the first in which the actor may. What its rules do not allow is
    Denied, and a tag that another workspace's image has on this host is a Conflict: it would be taken from it.

    ``secrets`` by id are for ``RUN --mount=type=secret,id=…``; ``registries`` by address are ``username`` and
    ``password`` to pull with. Values and passwords are written ``secret:NAME``; that needs secret.use, too.

    Needs image.build. Invalid names ``tag``, ``dockerfile``, ``context``, ``dockerfile_path``, ``secrets``,
    ``registries``, a field of BuildOptions, or ``git_url``, ``git_ref``, ``git_directory``, ``git_password``; then
    nothing is kept.
    """
    with _making(actor, Permission.IMAGE_BUILD, host_name, workspace, tag=tag[:300]) as (op, host, owner):
        reference = Reference.parse(tag, field="tag")
        given = (options or BuildOptions()).checked()
        require_own_names(host, [str(reference), *given.get("tags", [])], workspace=owner)
        secret_args = given_secrets(actor, owner, secrets or {}, registries or {})
        args: dict[str, Any] = {"tag": str(reference), **given, **secret_args}
        blobs = []
        if git is not None:
            args = merged(args, given_git(actor, owner, git))
            args |= {"dockerfile_path": dockerfile_path, "bases": base_rules(owner, host)}
        elif context_of is not None:
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
        op.details |= {name: args[name] for name in ("secrets",) if name in args}
        require_allowed(owner, host, args)
        return add_job(op, BUILD, host=host, workspace=owner, args=args, on_name=str(reference), blobs=blobs)


def build_starter(actor: Actor, host_name: str, *, workspace: str = "") -> Job:
    """Build “Hello, Naru” from the host's own busybox: it needs no network. Needs image.build."""
    with _making(actor, Permission.IMAGE_BUILD, host_name, workspace, tag=STARTER_TAG) as (op, host, owner):
        args: dict[str, Any] = {"tag": STARTER_TAG, "starter": True}
        require_allowed(owner, host, args)
        return add_job(op, BUILD, host=host, workspace=owner, args=args, on_name=STARTER_TAG)


def pull_image(
    actor: Actor,
    host_name: str,
    *,
    reference: str,
    workspace: str = "",
    platform: str = "",
    all_tags: bool = False,
    tag_as: str = "",
) -> Job:
    """Fetch an image from its registry, by tag or digest, or every tag of a repository. The workspace's own entry of
    the registry is who signs in there, if the actor may use it.

    ``tag_as`` is a name that it gets besides. Needs image.pull. Invalid and Conflict name ``reference``, ``platform``
    or ``tag_as``; Denied by the workspace's rules.
    """
    with _making(actor, Permission.IMAGE_PULL, host_name, workspace, image=reference[:300]) as (op, host, owner):
        asked: dict[str, Any] = {"platform": platform, "all_tags": all_tags, "tag_as": tag_as}
        args = pull_args(actor, owner, host, reference=reference, **asked)
        op.details |= {"secrets": args["secrets"]} if "secrets" in args else {}
        return add_job(op, PULL, host=host, workspace=owner, args=args, on_name=reference.strip())


def push_image(
    actor: Actor,
    host_name: str,
    engine_id: str,
    *,
    reference: str,
    then_on: str = "",
    tag_as: str = "",
) -> Job:
    """Send the image to the registry that ``reference`` names, under that name, which it gets on its host too.

    ``then_on`` is a host that pulls it when it is there, to call it ``tag_as``. Needs image.push over the image, and
    image.pull there. Invalid and Conflict name ``reference`` or ``then_on``; Denied by the workspace's rules.
    """
    image = get_image(actor, host_name, engine_id)
    with operation(actor, Permission.IMAGE_PUSH, on=image, host=image.host.name, to=reference[:300]) as op:
        name = Reference.parse(reference, field="reference")
        require_registries_allowed(image.workspace, image.host, {registry_of(str(name))})
        require_own_names(image.host, [str(name)], workspace=image.workspace, field="reference")
        account = account_for(image.workspace, registry_of(str(name)), actor=actor)
        to = get_host(actor, then_on) if then_on else None
        if to is not None:
            # by whom it is asked for then is the same person, but not what a token of theirs was made for
            require_held(actor, Permission.IMAGE_PULL, at=place_for_new(image.workspace, to))
            require_registries_allowed(image.workspace, to, {registry_of(str(name))})
        args: dict[str, Any] = {
            "engine_id": image.engine_id,
            "repository": name.repository,
            "tag": name.tag,
            **account_args(account),
            **({"then_on": to.name, "tag_as": tag_as, "untag": bool(image.references)} if to else {}),
        }
        op.details |= {"secrets": args["secrets"]} if "secrets" in args else {}
        return add_job(op, PUSH, host=image.host, workspace=image.workspace, args=args, on=image)


def copy_image(actor: Actor, host_name: str, engine_id: str, *, to_host: str, registry: str) -> Job:
    """To another host by way of a registry of the image's workspace (its address): pushed to it under a name of its
    own, pulled from it by digest. What layers are there already are not sent. Needs image.push and image.pull.
    """
    image = get_image(actor, host_name, engine_id)
    require_held(actor, Permission.IMAGE_PUSH, on=image)
    to = get_host(actor, to_host)
    if to.pk == image.host_id:
        raise Invalid(_("It is on that host already."), field="to_host")
    # asked for here already, so that it is not found out when half of it is done
    named = [plain_name(reference) for reference in image.references][:1]
    with_names = [one for one in named if registry_of(one) != "naru.quarantine"]
    reference = full_name(registry, f"naru-copies/{image.workspace.slug}", image.short_id)
    require_own_names(to, with_names, workspace=image.workspace, field="to_host")
    tag_as = with_names[0] if with_names else ""
    return push_image(actor, host_name, engine_id, reference=reference, then_on=to.name, tag_as=tag_as)


def tag_image(actor: Actor, host_name: str, engine_id: str, *, reference: str) -> Job:
    """Give it one more name. Needs image.tag. Invalid and Conflict name ``reference``."""
    image = get_image(actor, host_name, engine_id)
    with operation(actor, Permission.IMAGE_TAG, on=image, host=image.host.name, reference=reference[:300]) as op:
        name = str(Reference.parse(reference, field="reference"))
        require_own_names(image.host, [name], workspace=image.workspace, field="reference")
        args = {"engine_id": image.engine_id, "reference": name}
        return add_job(op, "image.tag", host=image.host, workspace=image.workspace, args=args, on=image)


def untag_image(actor: Actor, host_name: str, engine_id: str, *, reference: str) -> Job:
    """Take a name from it; with its last name the image goes, unless a container uses it. Needs image.tag, and for the
    last one image.remove.
    """
    image = get_image(actor, host_name, engine_id)
    is_last = image.references == [reference]
    permission = Permission.IMAGE_REMOVE if is_last else Permission.IMAGE_TAG
    with operation(actor, permission, on=image, host=image.host.name, reference=reference[:300]) as op:
        if reference not in image.references:
            raise Invalid(_("The image has no name “%(name)s”.") % {"name": reference[:200]}, field="reference")
        if image.is_shared:
            raise Conflict(_("Another workspace uses this image on the same host."))
        args = {"engine_id": image.engine_id, "reference": reference}
        return add_job(op, "image.untag", host=image.host, workspace=image.workspace, args=args, on=image)


def load_images(actor: Actor, host_name: str, archive: BinaryIO, *, workspace: str = "") -> Job:
    """Load what ``docker save`` wrote. Names in it that are another workspace's there are a Conflict.

    Needs image.pull. Invalid names ``archive``.
    """
    with _making(actor, Permission.IMAGE_PULL, host_name, workspace) as (op, host, owner):
        require_registries_allowed(owner, host, ())
        stored = store_images(archive)
        require_own_names(host, stored.tags, workspace=owner, field="archive")
        makes = [plain_name(tag) for tag in stored.tags]
        args = {"archive": stored.sha256, "tags": list(stored.tags), "ids": list(stored.ids), "makes": makes}
        op.details["tags"] = list(stored.tags)[:20]
        name = stored.tags[0] if stored.tags else stored.ids[0][:12]
        blobs = [stored.sha256]
        return add_job(op, "image.load", host=host, workspace=owner, args=args, on_name=name, blobs=blobs)


def import_image(actor: Actor, host_name: str, archive: BinaryIO, *, tag: str, workspace: str = "") -> Job:
    """An image of one layer out of a tar of files. Needs image.pull. Invalid names ``archive`` or ``tag``."""
    with _making(actor, Permission.IMAGE_PULL, host_name, workspace, tag=tag[:300]) as (op, host, owner):
        require_registries_allowed(owner, host, ())
        reference = str(Reference.parse(tag, field="tag"))
        require_own_names(host, [reference], workspace=owner)
        stored = store_files(archive)
        args = {"archive": stored, "tag": reference, "makes": [plain_name(reference)]}
        return add_job(op, "image.import", host=host, workspace=owner, args=args, on_name=reference, blobs=[stored])


def export_image(actor: Actor, host_name: str, engine_id: str) -> Image:
    """That it is taken away is on record. Needs image.export."""
    image = get_image(actor, host_name, engine_id)
    with operation(actor, Permission.IMAGE_EXPORT, on=image, host=image.host.name):
        return image


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
def _making(
    actor: Actor, permission: Permission, host_name: str, workspace: str, **about: Any
) -> Iterator[tuple[Operation, Host, Workspace]]:
    """Something new on a host, in a workspace."""
    host = get_host(actor, host_name)
    owner = workspace_for_new(actor, workspace, permission)
    inputs: dict[str, Any] = {"host": host.name, "workspace": str(owner) if owner else None, **about}
    with operation(actor, permission, at=place_for_new(owner, host), **inputs) as op:
        yield op, host, require_workspace(owner)


def require_allowed(workspace: Workspace, host: Host, args: Mapping[str, Any]) -> None:
    """Denied unless the workspace's rules let it build this there; Conflict where it is on another's image."""
    require_bases_allowed(workspace, host, _bases(args))


def _bases(args: Mapping[str, Any]) -> list[str]:
    """Those of a repository are found by its host, which judges them."""
    if args.get("starter") or args.get("git"):
        return []
    build_args = args.get("build_args", {})
    if "context" in args:
        path = args.get("dockerfile_path", "Dockerfile")
        return base_images(kept_dockerfile(args["context"], dockerfile_path=path), build_args)
    return base_images(args["dockerfile"], build_args)


@judges_again(BUILD)
def _judge_build_again(job: Job) -> None:
    if job.workspace is not None:
        require_allowed(job.workspace, job.host, job.args)
        # what a repository is built on is judged by its host, by the rules that the job has
        had = job.args.get("bases", {}).get("registries", [])
        require_registries_allowed(job.workspace, job.host, had)
        if not job.args.get("starter"):
            names = [str(job.args["tag"]), *job.args.get("tags", [])]
            require_own_names(job.host, names, workspace=job.workspace)


@judges_again(PULL)
def _judge_pull_again(job: Job) -> None:
    if job.workspace is not None:
        name = PullName(job.args["repository"], job.args.get("tag", ""), job.args.get("digest", ""))
        require_pullable(job.workspace, job.host, name, also=job.args.get("tag_as", []))


@judges_again(PUSH)
def _judge_push_again(job: Job) -> None:
    if job.workspace is not None:
        name = f"{job.args['repository']}:{job.args['tag']}"
        require_registries_allowed(job.workspace, job.host, {registry_of(name)})
        require_own_names(job.host, [name], workspace=job.workspace, field="reference")


@judges_again("image.tag")
def _judge_tag_again(job: Job) -> None:
    if job.workspace is not None:
        require_own_names(job.host, [job.args["reference"]], workspace=job.workspace, field="reference")


@judges_again("image.load")
@judges_again("image.import")
def _judge_load_again(job: Job) -> None:
    if job.workspace is not None:
        require_registries_allowed(job.workspace, job.host, ())
        require_own_names(job.host, job.args["makes"], workspace=job.workspace, field="archive")


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
