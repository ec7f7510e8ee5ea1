"""What goes into a capsule of a stack: looked up on its host before anything is asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from console.capsules import manifest as capsule
from console.capsules import observing
from console.capsules.locks.document import Lock
from console.capsules.locks.environment import Environment, hints_as_json
from console.capsules.locks.seen import Hints
from console.capsules.portable import Portable, hints_of, portable, secrets_of
from console.capsules.queries import require_also
from console.operations.actor import Actor
from console.operations.errors import Conflict
from console.operations.permissions import Permission
from console.stacks import looking
from console.stacks.models import Release, Stack
from console.stacks.planning.bodies import image_of
from console.volumes.queries import find_present, users_to_stop


@dataclass(frozen=True, slots=True)
class Looked:
    """A stack as it runs. ``pinned``: services → ids of images that their names do not lead to."""

    stack: Stack
    release: Release
    hints: dict[str, Hints]
    environment: Environment
    images: dict[str, list[str]]
    services: dict[str, str]
    pinned: dict[str, str]


def current_release(stack: Stack) -> Release:
    """Conflict when there is none: an environment is that of something that was deployed."""
    release = stack.current
    if release is None:
        raise Conflict(_("“%(name)s” was not deployed yet.") % {"name": stack.name})
    return release


def looked_at(stack: Stack, *, salt: str) -> tuple[Release, dict[str, Hints], Environment]:
    """Conflict when nothing of it is there. Unavailable when its host does not answer."""
    release = current_release(stack)
    hints = hints_of(release.project, release.contents)
    environment = observing.observe_from_here(stack.host.address, stack.project, salt=salt, hints=hints)
    if not environment.services:
        raise Conflict(_("Nothing of “%(name)s” is on its host.") % {"name": stack.name})
    return release, hints, environment


def lock_of(stack: Stack, release: Release, environment: Environment, *, salt: str) -> Lock:
    """Conflict while containers of one service are not alike."""
    if odd := environment.odd_ones:
        raise Conflict(_("Containers of “%(name)s” are not alike. Deploy it first.") % {"name": odd[0]})
    project = release.project
    names = {name: image_of(project, name, service) for name, service in project.services.items()}
    about = {"stack": stack.name, "release": release.number, "made_at": _now(), "images": names}
    return Lock(salt, environment.document(), dict(environment.secrets), about)


def looked_for_capsule(stack: Stack, *, salt: str) -> Looked:
    release, hints, environment = looked_at(stack, salt=salt)
    project = release.project
    world = looking.look_from_here(stack.host.address, project)
    services, images, pinned = {}, dict[str, list[str]](), {}
    for name, found in environment.services.items():
        image = str(found[0].get("image", "")).removeprefix("sha256:")
        if name not in project.services:
            raise Conflict(_("“%(name)s” runs, and is no part of the release.") % {"name": name})
        services[name] = image
        called = image_of(project, name, project.services[name])
        leads_there = world.images.get(called) == image and "@" not in called
        if leads_there and called not in images.setdefault(image, []):
            images[image].append(called)
        elif not leads_there:
            images.setdefault(image, [])
            pinned[name] = image
    return Looked(stack, release, hints, environment, images, services, pinned)


def portable_of(looked: Looked) -> Portable:
    """Only of services that run: one with no container has no image to take along."""
    missing = sorted(looked.release.project.services.keys() - looked.services.keys())
    if missing:
        raise Conflict(_("“%(name)s” has no container: what runs it could not be taken along.") % {"name": missing[0]})
    return portable(looked.release.project, looked.release.contents, pinned=looked.pinned)


def texts_of(looked: Looked, compose: str, lock: Lock) -> dict[str, str]:
    """Files beside the blobs. Of the stack's own those stay behind that hold a secret."""
    stack, project = looked.stack, looked.release.project
    begin = stack.directory.rstrip("/") + "/"
    secret = {one.file.removeprefix(begin) for one in project.secrets.values() if one.file}
    originals = {f"{capsule.FILES}{path}": text for path, text in stack.files.items() if path not in secret}
    fitting = {path: text for path, text in originals.items() if capsule.PATH.fullmatch(path)}
    return {capsule.COMPOSE: compose, capsule.LOCK: lock.text(), **fitting}


def job_arguments(looked: Looked, lock: Lock, *, found: Portable, volumes: Mapping[str, str]) -> dict[str, Any]:
    """What the agent needs besides ``stops`` and ``most_bytes``. Texts may hold what only some may read."""
    left = [*found.left, *(f"volume {key}" for key in sorted(found.volumes.keys() - volumes.keys()))]
    stack = {
        "name": looked.stack.name,
        "release": looked.release.number,
        "secrets": secrets_of(looked.hints),
        "left": left,
    }
    return {
        "project": looked.stack.project,
        "images": looked.images,
        "services": looked.services,
        "volumes": dict(volumes),
        "hints": hints_as_json(looked.hints),
        "salt": lock.salt,
        "facts": {"made_at": _now(), "stack": stack, "fingerprint": lock.fingerprint},
        "env": texts_of(looked, found.compose, lock),
    }


def to_stop(actor: Actor, stack: Stack, volumes: Mapping[str, str], *, stops: bool) -> list[str]:
    """Ids of containers. Reading a volume needs volume.backup over it; one that nobody has seen yet is the stack's."""
    found: dict[str, None] = {}
    for name in volumes.values():
        row = find_present(stack.host, name)
        if row is not None and row.workspace_id != stack.workspace_id:
            raise Conflict(_("The volume “%(name)s” belongs to another workspace.") % {"name": name})
        require_also(actor, Permission.VOLUME_BACKUP, row if row is not None else stack)
        if stops and row is not None:
            found |= dict.fromkeys(users_to_stop(actor, row))
    return list(found)


def _now() -> str:
    return timezone.now().replace(microsecond=0).isoformat()
