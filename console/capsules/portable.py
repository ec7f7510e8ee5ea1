"""A release as a Compose file that stands alone: what runs elsewhere by it is what ran here. Pure.

Names that came from the project's are left to the new one; paths below the stack's directory are relative to it; an
image whose name does not lead to what ran is named by its id; a secret is one of the workspace's, by name, and no
value of it is in the file.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.capsules.locks.seen import Hints
from console.capsules.locks.service import below
from console.secrets.references import name_in
from console.stacks.compose.model import Project, Service, StoredFile
from console.stacks.compose.rendering import as_compose, written
from console.stacks.planning.bodies import files_of, image_of

NAMED = ("networks", "volumes", "secrets", "configs")
# both of them would look for another image than the one that comes along
RENEWING = ("always", "build", "daily", "weekly")


@dataclass(frozen=True, slots=True)
class Portable:
    """``volumes``: those that can be taken along, names on the host by key. ``left``: what cannot, in words."""

    compose: str
    volumes: dict[str, str]
    left: tuple[str, ...]


def portable(project: Project, contents: Mapping[str, str], *, pinned: Mapping[str, str]) -> Portable:
    """``contents`` are those of the release; ``pinned``: services → ids of images that no name leads to."""
    document = as_compose(project)
    document.pop("name")
    for section in NAMED:
        for key, entry in document.get(section, {}).items():
            if entry.get("name") == f"{project.name}_{key}":
                del entry["name"]
    for key, stored in project.secrets.items():
        if not stored.external:
            document["secrets"][key] = {"name": secret_name(key, stored), "external": True}
    for key, stored in project.configs.items():
        if not stored.external:
            document["configs"][key] = {"content": contents.get(f"configs/{key}", stored.content)}
    for name, service in project.services.items():
        document["services"][name] = _moved(document["services"][name], name, service, project, pinned)
    volumes = taken_volumes(project)
    return Portable(written(document), volumes, tuple(_left(project, volumes)))


def secret_name(key: str, stored: StoredFile) -> str:
    return (stored.name or key) if stored.external else key


def hints_of(project: Project, contents: Mapping[str, str]) -> dict[str, Hints]:
    """What of its containers cannot be seen from outside."""
    found = {}
    for name, service in project.services.items():
        env = {key: secret for key, value in service.environment.items() if (secret := name_in(value)) is not None}
        configs, secrets = [], {}
        for one in files_of(service):
            section, _slash, key = one.key.partition("/")
            secret = name_in(contents.get(one.key, ""))
            if secret is not None or section == "secrets":
                secrets[one.path] = secret or key
            else:
                configs.append(one.path)
        found[name] = Hints(env, tuple(sorted(configs)), secrets)
    return found


def secrets_of(hints: Mapping[str, Hints]) -> list[str]:
    return sorted({name for one in hints.values() for name in (*one.env.values(), *one.secrets.values())})


def taken_volumes(project: Project) -> dict[str, str]:
    """Plain ones of its own that are in use: what is elsewhere is shown by others, not held."""
    used = {mount.source for service in project.services.values() for mount in service.volumes}
    return {
        key: one.name
        for key, one in project.volumes.items()
        if key in used and not one.external and one.driver in ("", "local") and not one.driver_opts
    }


def _moved(
    entry: dict[str, Any], name: str, service: Service, project: Project, pinned: Mapping[str, str]
) -> dict[str, Any]:
    image = f"sha256:{pinned[name]}" if name in pinned else image_of(project, name, service)
    entry = {"image": image, **{key: value for key, value in entry.items() if key not in ("image", "build")}}
    if service.pull_policy.partition("_")[0] in RENEWING:
        entry["pull_policy"] = "missing"
        entry.pop("pull_refresh_after", None)
    for mount in entry.get("volumes", []):
        if mount.get("type") == "bind":
            mount["source"] = below(project.directory, mount["source"])
    return entry


def _left(project: Project, volumes: Mapping[str, str]) -> list[str]:
    """What a capsule cannot hold, for whoever makes or restores one."""
    found = []
    used = {mount.source for service in project.services.values() for mount in service.volumes}
    found += [f"volume {one.name}" for key, one in project.volumes.items() if key in used and key not in volumes]
    for name, service in project.services.items():
        for mount in service.volumes:
            if mount.type == "bind":
                found.append(f"path {below(project.directory, mount.source)} ({name})")
            elif mount.type == "volume" and not mount.source:
                found.append(f"volume at {posixpath.normpath(mount.target)} ({name})")
    return sorted(set(found))
