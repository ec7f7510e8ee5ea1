"""Whether a specification can be had on its host: image, name, ports, secrets, and what the workspace's rules say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from console.containers.models import Container
from console.containers.ports import PublishedPort, require_free
from console.containers.queries import HeldPorts, job_on_many, names_in_use, ports_in_use, used_by
from console.containers.specs.docker import as_docker
from console.containers.specs.spec import ContainerSpec
from console.hosts.models import Host
from console.images.pulling import pull_args
from console.images.queries import find_image
from console.images.references import Reference, is_image_id
from console.jobs.operations import require_idle as require_nothing_at_work
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.policy import may
from console.secrets.queries import require_usable
from console.secrets.references import names_in
from console.workspaces.asked import asked_by_container
from console.workspaces.models import Workspace
from console.workspaces.placing import place_for_new, require_by_rules
from console.workspaces.rules import judge


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is to be, who asks, and whose place it takes, if anybody's."""

    actor: Actor
    host: Host
    workspace: Workspace
    instead_of: Container | None = None


def arguments(place: Place, spec: ContainerSpec, *, pulls: bool = False) -> dict[str, Any]:
    """A job's, for what is fine by itself: all but its name and its ports, which are ``free_…``.

    ``pulls``: an image that the host has not is pulled by the job, where that is allowed. Its arguments are ``pull``
    then, and ``image_engine_id`` is known to the job alone. Invalid, Denied and Conflict name the field.
    """
    pull = wanted_pull(place, spec) if pulls else None
    found = KnownImage(_full_name(spec.image), "") if pull else _known_image(place, spec.image)
    secrets = names_in(spec.env.values())
    require_usable(place.actor, place.workspace, secrets, field="env")
    needed = sorted({*secrets, *(pull or {}).get("secrets", ())})
    return {
        **({"secrets": needed} if needed else {}),
        **({"pull": pull, "makes": pull["makes"]} if pull else {}),
        "image_engine_id": found.engine_id,
        **replace(spec, image=found.asked).as_json(),
    }


def wanted_pull(place: Place, spec: ContainerSpec) -> dict[str, Any] | None:
    """What has to be pulled before it can run: none where its image is there, or who asks may not pull.

    Denied by the workspace's rules; Invalid and Conflict name ``image`` or ``platform``.
    """
    image = spec.image.strip()
    is_there = find_image(place.host, image, workspace=place.workspace) is not None
    at = place_for_new(place.workspace, place.host)
    if is_there or is_image_id(image) or not may(place.actor, Permission.IMAGE_PULL, at=at):
        return None
    try:
        return pull_args(place.actor, place.workspace, place.host, reference=image, platform=spec.platform)
    except (Invalid, Conflict) as error:
        raise type(error)(str(error), field="image" if error.field == "reference" else error.field) from error


def require_idle(container: Container) -> None:
    """Conflict while a job is at work on it, alone or among others."""
    require_nothing_at_work(container)
    job = job_on_many(container)
    if job is not None:
        raise Conflict(
            _("Job #%(number)d (%(kind)s) is still at work on %(target)s. Wait for it or cancel it.")
            % {"number": job.pk, "kind": job.kind, "target": container.name}
        )


@dataclass(frozen=True, slots=True)
class KnownImage:
    """``asked`` is its name as it was written, in full."""

    asked: str
    engine_id: str


def _known_image(place: Place, image: str) -> KnownImage:
    wanted = _full_name(image)
    found = find_image(place.host, image.strip(), workspace=place.workspace)
    if found is None:
        words = {"image": image.strip(), "host": place.host.name}
        raise Invalid(_("There is no image “%(image)s” on “%(host)s”. Build it first.") % words, field="image")
    return KnownImage(wanted, found.engine_id)


def _full_name(image: str) -> str:
    image = image.strip()
    return image if is_image_id(image) else str(Reference.parse(image, field="image"))


def require_free_name(host: Host, name: str, *, field: str = "name") -> None:
    if name and name in names_in_use(host):
        raise Conflict(_("The name “%(name)s” is in use on this host.") % {"name": name}, field=field)


def require_free_ports(place: Place, ports: Sequence[PublishedPort]) -> None:
    held: HeldPorts = ports_in_use(place.host, seen_by=place.actor, but=place.instead_of) if ports else {}
    for port in ports:
        require_free(port, held)


def require_allowed(
    workspace: Workspace, host: Host, args: Mapping[str, Any], *, times: int = 1, instead_of: Container | None = None
) -> None:
    """Denied, with all the reasons, unless the workspace's rules allow what the job would create, ``times``."""
    one = asked_by_container(as_docker(ContainerSpec.from_json(args)))
    asked = replace(one, containers=times, memory_bytes=one.memory_bytes * times, cpus=one.cpus * times)
    used = used_by(workspace, host, but=instead_of)
    require_by_rules(judge(workspace.rules, asked, workspace=workspace.slug, host=host.name, used=used))
