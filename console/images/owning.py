"""Whose images and names on a host are: a workspace neither takes another's name nor builds on another's image.

Rules of operations, so nothing here asks for a permission.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.images.bases import registry_of
from console.images.models import Image
from console.images.references import is_image_id, plain_name, plain_repository
from console.operations.errors import Conflict
from console.workspaces.asked import Asked
from console.workspaces.models import Workspace
from console.workspaces.placing import require_by_rules
from console.workspaces.rules import Used, judge


def claim(image: Image, workspace: Workspace) -> Image:
    """The workspace's own row of the image, made if it has none. Inside an operation or an observation."""
    facts = {name: getattr(image, name) for name in ("references", "size_bytes", "created_at", "seen_at")}
    facts["is_shared"] = True
    key = {"host": image.host, "engine_id": image.engine_id, "workspace": workspace}
    return Image.objects.get_or_create(**key, defaults=facts)[0]


def require_own_names(host: Host, names: Iterable[str], *, workspace: Workspace, field: str = "tag") -> None:
    """Conflict when another workspace's image on the host has one of the names: it would be taken from it."""
    wanted = {plain_name(name) for name in names}
    if not wanted:
        return
    for image in Image.objects.filter(host=host, is_shared=False).exclude(workspace=workspace):
        taken = wanted & {plain_name(reference) for reference in image.references}
        if taken:
            raise Conflict(_("The name “%(name)s” is in use on this host.") % {"name": min(taken)[:200]}, field=field)


def require_own_repository(host: Host, repository: str, *, workspace: Workspace) -> None:
    """As above, for whatever tags a repository has."""
    wanted = plain_repository(repository)
    for image in Image.objects.filter(host=host, is_shared=False).exclude(workspace=workspace):
        if wanted in {plain_name(reference).rpartition(":")[0] for reference in image.references}:
            raise Conflict(_("The name “%(name)s” is in use on this host.") % {"name": wanted}, field="reference")


def require_bases_allowed(workspace: Workspace, host: Host, bases: Iterable[str]) -> None:
    """Denied unless the workspace's rules let it fetch there what the host has not; Conflict for another's image."""
    registries = {registry_of(name) for name in bases if _comes_from_registry(name, host, workspace=workspace)}
    require_registries_allowed(workspace, host, registries)


def require_registries_allowed(workspace: Workspace, host: Host, registries: Iterable[str]) -> None:
    """Denied by the workspace's rules; with none it is judged whether it may use the host at all."""
    asked = Asked(registries=tuple(sorted(registries)))
    require_by_rules(judge(workspace.rules, asked, workspace=workspace.slug, host=host.name, used=Used()))


def base_rules(workspace: Workspace, host: Host) -> dict[str, Any]:
    """For a build whose Dockerfile is not known yet: what its host needs to judge it by (images.base_judging)."""
    own = Image.objects.filter(host=host, workspace=workspace).values_list("engine_id", flat=True)
    return {"registries": list(workspace.rules.registries), "own": sorted(engine_id[:12] for engine_id in own)}


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
    names = {plain_name(reference) for reference in image.references}
    if at:
        return plain_name(repository).rpartition(":")[0] in {one.rpartition(":")[0] for one in names}
    return plain_name(name) in names


def account_args(account: Mapping[str, Any]) -> dict[str, Any]:
    """A job's arguments for signing in at a registry: who, and the name of the secret that it takes."""
    if not account:
        return {}
    return {"registry": dict(account), "secrets": [str(account["password"]).partition(":")[2]]}
