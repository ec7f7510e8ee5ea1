"""Judging a Dockerfile that only its host has seen, by what the console has sent along (owning.base_rules)."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from console.hosts.gateway import Engine
from console.images.bases import base_images, registry_of
from console.operations.errors import Conflict, Denied
from console.workspaces.rules import ANY


async def require_bases(
    engine: Engine, dockerfile: str, rules: Mapping[str, Any], *, build_args: Mapping[str, str]
) -> None:
    """Denied for a registry that the workspace may not use; Conflict for an image of another workspace."""
    own = {str(short_id) for short_id in rules.get("own", [])}
    allowed = rules.get("registries", [])
    for name in base_images(dockerfile, build_args):
        found = await engine.find_image_id(name)
        if found is not None and found[:12] not in own:
            raise Conflict(_("The name “%(name)s” is in use on this host.") % {"name": name[:80]}, field="dockerfile")
        registry = registry_of(name)
        if found is None and ANY not in allowed and registry not in allowed:
            raise Denied(_("The registry “%(name)s” is not allowed in this workspace.") % {"name": registry})
