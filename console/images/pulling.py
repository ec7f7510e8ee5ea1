"""What a job is given to pull an image: judged by the workspace's rules, with who signs in at the registry.

A rule of operations. The same arguments serve a job that pulls only where the image is missing
(``transfers.fetch_image`` on the host).
"""

from typing import Any

from console.hosts.models import Host
from console.hub.queries import account_for
from console.images.bases import registry_of
from console.images.build_options import require_platform
from console.images.owning import (
    account_args,
    require_own_names,
    require_own_repository,
    require_registries_allowed,
)
from console.images.references import PullName, Reference, plain_repository
from console.operations.actor import Actor
from console.workspaces.models import Workspace


def pull_args(
    actor: Actor,
    workspace: Workspace,
    host: Host,
    *,
    reference: str,
    platform: str = "",
    all_tags: bool = False,
    tag_as: str = "",
) -> dict[str, Any]:
    """Invalid and Conflict name ``reference``, ``platform`` or ``tag_as``; Denied by the workspace's rules."""
    name = PullName.parse(reference, all_tags=all_tags)
    require_platform(platform)
    also = [str(Reference.parse(tag_as, field="tag_as"))] if tag_as else []
    require_pullable(workspace, host, name, also=also)
    return {
        "repository": name.repository,
        **({"tag": name.tag} if name.tag else {}),
        **({"digest": name.digest} if name.digest else {}),
        **({"platform": platform} if platform else {}),
        **({"tag_as": also} if also else {}),
        **account_args(account_for(workspace, registry_of(str(name)), actor=actor)),
        # what its host will call it, so that it is known whose it is
        "makes": [one for one in (plain_repository(name.repository) if all_tags else name.listed_as, *also) if one],
    }


def require_pullable(workspace: Workspace, host: Host, name: PullName, *, also: list[str]) -> None:
    """By the workspace's rules, and without taking a name from another."""
    require_registries_allowed(workspace, host, {registry_of(str(name))})
    if not name.tag and not name.digest:
        require_own_repository(host, name.repository, workspace=workspace)
    names = [name.listed_as] if name.listed_as else []
    require_own_names(host, names, workspace=workspace, field="reference")
    require_own_names(host, also, workspace=workspace, field="tag_as")
