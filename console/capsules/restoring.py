"""What restoring a capsule on a host would mean: planned here, done by the job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from console.capsules.indexing import Index, compose_text, plain
from console.capsules.locks.environment import hints_as_json
from console.capsules.models import StackCapsule
from console.capsules.portable import hints_of
from console.capsules.queries import get_capsule, require_taking
from console.hosts.models import Host
from console.hosts.queries import get_host
from console.images.references import Reference, is_image_id, plain_name
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.operations.policy import may
from console.stacks import looking
from console.stacks.compose.model import Project
from console.stacks.operations import Sources, project_of
from console.stacks.planning.bodies import Contents, image_of
from console.stacks.planning.plans import Action
from console.stacks.planning.steps import plan
from console.stacks.planning.world import World
from console.stacks.preparing import Prepared
from console.stacks.sources import Source, digests_of, given_with
from console.volumes.models import Volume
from console.workspaces.models import Workspace
from console.workspaces.placing import place_for_new


@dataclass(frozen=True, slots=True)
class ImagePart:
    """``names`` are those that it gets. ``taken``: of these, those that mean another image there now."""

    engine_id: str
    names: tuple[str, ...]
    size_bytes: int
    is_there: bool
    taken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VolumePart:
    key: str
    name: str
    size_bytes: int
    is_there: bool


@dataclass(frozen=True, slots=True)
class Restoring:
    """``missing``: secrets that the workspace does not have. ``left``: what the capsule does not hold."""

    capsule: StackCapsule
    index: Index
    host: Host
    name: str
    project_name: str
    sources: Sources
    prepared: Prepared
    images: tuple[ImagePart, ...]
    volumes: tuple[VolumePart, ...]
    missing: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def taken_names(self) -> list[str]:
        return sorted({name for image in self.images for name in image.taken})

    @property
    def volumes_there(self) -> list[VolumePart]:
        return [volume for volume in self.volumes if volume.is_there]


def plan_restore(actor: Actor, number: int, host_name: str, *, name: str, with_volumes: bool = True) -> Restoring:
    """What it would mean. The host is looked at; nothing changes. Needs stack.take over the capsule and
    container.deploy there.
    """
    capsule, host = get_capsule(actor, number), get_host(actor, host_name)
    require_taking(actor, capsule)
    at = place_for_new(capsule.workspace, host)
    for wanted in _needed_for(capsule, with_volumes=with_volumes):
        if not may(actor, wanted, at=at):
            raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)
    return restoring(capsule, host, name=name, with_volumes=with_volumes)


def _needed_for(capsule: StackCapsule, *, with_volumes: bool) -> list[Permission]:
    more = [Permission.VOLUME_MANAGE] if with_volumes and capsule.volumes else []
    return [Permission.CONTAINER_DEPLOY, Permission.IMAGE_PULL, *more]


def restoring(found: StackCapsule, host: Host, *, name: str, with_volumes: bool = True) -> Restoring:
    """Looks at the host. ComposeInvalid, Invalid (``name``); Unavailable when the host does not answer."""
    found.require_kept()
    index = Index.of(found)
    owner = found.workspace
    project_name = project_of(owner, name)
    compose = compose_text(found)
    sources: Sources = ({"compose.yaml": compose}, ("compose.yaml",), {}, ())
    source = Source(f"/srv/{project_name}", project_name, sources[0])
    project = source.load().project
    given = given_with(project, source)
    world = looking.look_from_here(host.address, project)
    images = _images(index, project, world)
    volumes = _volumes(index, project, world, host) if with_volumes else ()
    digests = digests_of(given.contents, _versions(owner, given.secrets))
    planned = plan(project, _with_images(world, index, project), contents=Contents(digests))
    if any(step.action is Action.BUILD for step in planned.steps):
        raise Invalid(_("Its compose.yaml wants something built, which a capsule has no files for."), field="capsule")
    return Restoring(
        found,
        index,
        host,
        name,
        project_name,
        sources,
        Prepared(project, given, digests, planned),
        images,
        volumes,
        tuple(sorted(set(given.secrets) - set(_versions(owner, given.secrets)))),
        tuple(index.manifest.stack.left),
    )


def require_free(wanted: Restoring, *, over: bool, moves_names: bool) -> None:
    """Conflict, naming what is in the way, unless that was asked for."""
    if wanted.taken_names and not moves_names:
        message = _("These names mean other images there: %(names)s.")
        raise Conflict(message % {"names": ", ".join(wanted.taken_names)[:300]}, field="moves_names")
    if wanted.volumes_there and not over:
        names = ", ".join(volume.name for volume in wanted.volumes_there)
        message = _("These volumes are there already: %(names)s.")
        raise Conflict(message % {"names": names[:300]}, field="over")


def job_arguments(wanted: Restoring, *, over: bool, moves_names: bool) -> dict[str, Any]:
    """What the agent needs besides what any deployment has."""
    manifest, volumes = wanted.index.manifest, {volume.key: volume for volume in wanted.volumes}
    names = {image.engine_id: image.names for image in wanted.images}
    images = [
        {
            "id": plain(image.id),
            "names": list(names[plain(image.id)]),
            "moves": moves_names,
            "layers": [
                {"digest": plain(one.digest), "diff_id": plain(one.diff_id), "plain_bytes": one.plain_bytes}
                for one in image.layers
            ],
        }
        for image in manifest.images
    ]
    taken = [one for one in manifest.volumes if one.key in volumes]
    digests = [image.id for image in manifest.images]
    digests += [layer.digest for image in manifest.images for layer in image.layers]
    project = wanted.prepared.project
    lock = wanted.index.lock
    return {
        "capsule": wanted.capsule.pk,
        "parts": wanted.index.parts([*digests, *(one.digest for one in taken)]),
        "images": images,
        "makes": sorted({plain_name(name) for image in wanted.images for name in image.names}),
        "volumes": [
            {
                "key": one.key,
                "name": volumes[one.key].name,
                "digest": plain(one.digest),
                "plain_digest": plain(one.plain_digest),
                "plain_bytes": one.plain_bytes,
                "over": over and volumes[one.key].is_there,
            }
            for one in taken
        ],
        "hints": hints_as_json(hints_of(project, wanted.prepared.given.contents)),
        "lock": {"salt": lock.salt, "environment": lock.environment, "secrets": lock.secrets},
    }


def _images(index: Index, project: Project, world: World) -> tuple[ImagePart, ...]:
    found = []
    there = set(world.images.values())
    by_service = _ids_by_service(index, project)
    for image in index.manifest.images:
        engine_id = plain(image.id)
        services = [name for name, one in by_service.items() if one == engine_id]
        called = dict.fromkeys(image_of(project, name, project.services[name]) for name in services)
        names = [str(Reference.parse(name, field="capsule")) for name in called if not is_image_id(name)]
        taken = [one for one in called if world.images.get(one, engine_id) != engine_id]
        size = sum(layer.size_bytes for layer in image.layers)
        is_there = engine_id in there
        found.append(ImagePart(engine_id, tuple(names), size, is_there, tuple(taken)))
    return tuple(found)


def _ids_by_service(index: Index, project: Project) -> dict[str, str]:
    """As env.lock has it: what has run there. Invalid for a service that the lock knows nothing of."""
    locked = index.lock.environment["services"]
    for name in project.services:
        if name not in locked:
            message = _("env.lock knows no service “%(name)s”.")
            raise Invalid(message % {"name": name[:80]}, field="capsule")
    ids = {name: plain(str(locked[name].get("image", ""))) for name in project.services}
    for name, service in project.services.items():
        called = image_of(project, name, service)
        if is_image_id(called) and plain(called) != ids[name]:
            message = _("env.lock and compose.yaml name different images for “%(name)s”.")
            raise Invalid(message % {"name": name[:80]}, field="capsule")
        if "@" in called:
            raise Invalid(_("“%(text)s”: name a tag, not a digest.") % {"text": called[:200]}, field="capsule")
    return ids


def _volumes(index: Index, project: Project, world: World, host: Host) -> tuple[VolumePart, ...]:
    named = {key: one.name for key, one in project.volumes.items() if not one.external and not one.driver_opts}
    wanted = [one for one in index.manifest.volumes if one.key in named]
    # the console may know of one that nothing of this project has made
    known = set(
        Volume.objects.filter(host=host, gone_at=None, name__in=[named[one.key] for one in wanted]).values_list(
            "name", flat=True
        )
    )
    return tuple(
        VolumePart(one.key, named[one.key], one.plain_bytes, named[one.key] in known | world.volumes.keys())
        for one in wanted
    )


def _with_images(world: World, index: Index, project: Project) -> World:
    """As it will be once they are loaded."""
    ids = _ids_by_service(index, project)
    loaded = {image_of(project, name, project.services[name]): engine_id for name, engine_id in ids.items()}
    return replace(world, images={**world.images, **loaded})


def _versions(workspace: Workspace, names: Sequence[str]) -> Mapping[str, int]:
    found = workspace.secrets.filter(name__in=names)
    return {secret.name: secret.next_number - 1 for secret in found.prefetch_related("versions")}
