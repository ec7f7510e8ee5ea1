"""What is to be put on a host, and how: out of a stack's files, an earlier release, or what runs in other numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from console.images.references import plain_name
from console.operations.errors import Conflict, Invalid
from console.stacks import looking
from console.stacks.commits import Commit
from console.stacks.compose.model import Project
from console.stacks.models import Stack
from console.stacks.parcels import BEFORE, hidden
from console.stacks.planning.bodies import Contents
from console.stacks.planning.plans import Plan
from console.stacks.planning.steps import plan
from console.stacks.planning.updates import goes_back
from console.stacks.queries import get_release
from console.stacks.sources import Given, Source, digests_of, given_with
from console.workspaces.models import Workspace


def source_of(stack: Stack) -> Source:
    return Source(
        stack.directory,
        stack.project,
        stack.files,
        tuple(stack.paths),
        stack.variables,
        tuple(stack.profiles),
        Commit.of(stack.commit),
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """What would be put on the host, and how. ``warnings`` are those of reading the files.

    ``images``: ids by service of those that it is to have again. ``running``: of those that are there now.
    """

    project: Project
    given: Given
    digests: dict[str, str]
    plan: Plan
    warnings: tuple[str, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    running: Mapping[str, str] = field(default_factory=dict)
    # made of the files that the stack has now
    is_of_files: bool = False
    # that the files were of, as rows keep it
    commit: Mapping[str, str] = field(default_factory=dict)


def prepared_for(stack: Stack, release: int | None) -> Prepared:
    """Its files' project, or that of a release. Unavailable when the host is silent; ComposeInvalid, Missing."""
    if release is not None:
        earlier = get_release(stack, release)
        given = Given(dict(earlier.contents), list(earlier.secrets))
        return replace(_planned(stack, earlier.project, given, images=earlier.images), commit=earlier.commit)
    source = source_of(stack)
    loaded = source.load()
    found = _planned(stack, loaded.project, given_with(loaded.project, source))
    warnings = (*found.warnings, *map(str, loaded.warnings))
    return replace(found, warnings=warnings, is_of_files=True, commit=stack.commit)


def _planned(stack: Stack, project: Project, given: Given, *, images: Mapping[str, str] | None = None) -> Prepared:
    digests, pins = digests_of(given.contents, _versions(stack.workspace, given.secrets)), images or {}
    world = looking.look_from_here(stack.host.address, project, images=pins.values())
    found = plan(project, world, contents=Contents(digests), images=pins)
    return Prepared(
        project, given, digests, found, _no_way_back(stack, project), images=pins, running=world.running_images
    )


def _no_way_back(stack: Stack, project: Project) -> tuple[str, ...]:
    if not goes_back(project) or stack.current is not None:
        return ()
    return (_("There is no release to go back to: what fails to come up stops the update, and no more."),)


def _versions(workspace: Workspace, names: Sequence[str]) -> dict[str, int]:
    found = workspace.secrets.filter(name__in=names).prefetch_related("versions")
    return {secret.name: secret.next_number - 1 for secret in found}


def prepared_scaling(stack: Stack, replicas: Mapping[str, int]) -> Prepared:
    """Conflict before the first release; Invalid (``replicas``)."""
    current = stack.current
    if current is None:
        raise Conflict(_("“%(name)s” was not deployed yet.") % {"name": stack.name})
    project = scaled(current.project, replicas)
    given = Given(dict(current.contents), list(current.secrets))
    return replace(_planned(stack, project, given, images=current.images), commit=current.commit)


def scaled(project: Project, replicas: Mapping[str, int]) -> Project:
    services = dict(project.services)
    for name, count in replicas.items():
        service = services.get(name)
        if service is None:
            raise Invalid(_("There is no service “%(name)s”.") % {"name": name[:80]}, field="replicas")
        if not 0 <= count <= 1000:
            raise Invalid(_("Give a number from 0 to 1000."), field="replicas")
        if count > 1 and service.container_name:
            message = _("A container has this name already when there is a second one; leave the name out.")
            raise Invalid(message, field="replicas")
        services[name] = replace(service, scale=count)
    return replace(project, services=services)


def args_of(prepared: Prepared, release: int, before: "Before") -> dict[str, Any]:
    parcel = hidden(prepared.project, prepared.given.contents)
    return {
        **parcel,
        **({"images": dict(prepared.images)} if prepared.images else {}),
        # names of images that are fetched or built on the way: they become the workspace's
        "makes": [plain_name(step.name) for step in prepared.plan.steps if step.kind == "image"],
        **({"before": before.args} if before.args else {}),
        "env": {**parcel["env"], **before.env},
        "plan": prepared.plan.digest,
        "digests": prepared.digests,
        "release": release,
    }


@dataclass(frozen=True, slots=True)
class Before:
    """The release that a failed update goes back to, as the job is given it; empty where it does not."""

    args: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)


def before_of(stack: Stack, prepared: Prepared) -> Before:
    current = stack.current
    if current is None or not goes_back(prepared.project):
        return Before()
    parcel = hidden(current.project, current.contents, mark=BEFORE)
    known = {name: one for name, one in prepared.running.items() if name in current.project.services}
    args = {
        "project": parcel["project"],
        "digests": current.digests,
        "release": current.number,
        "images": {**known, **current.images},
    }
    return Before(args, parcel["env"], list(current.secrets))
