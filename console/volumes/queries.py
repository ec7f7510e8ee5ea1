"""Reading volumes and backups: those over which volume.view is held. What is in them wants volume.backup besides."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.hosts.neighbours import Neighbour, neighbours
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded, may
from console.volumes.models import Backup, Volume, VolumeListing
from console.workspaces.models import Workspace

PATHS = Paths(workspace="workspace_id", host="host_id", labels="labels")


@dataclass(frozen=True, slots=True)
class VolumeFilter:
    """Each given field narrows. Volumes that are gone are left out unless ``gone``."""

    host: str = ""
    text: str = ""
    gone: bool = False
    workspace: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """A container that has a volume, as somebody sees it who may see the container too."""

    shown: Neighbour
    destination: str
    is_writable: bool


@dataclass(frozen=True, slots=True)
class Users:
    """Those the actor may see, and how many others there are."""

    seen: list[User]
    others: int

    @property
    def running(self) -> list[User]:
        return [user for user in self.seen if user.shown.is_alive]


def visible_volumes(actor: Actor, wanted: VolumeFilter | None = None) -> QuerySet[Volume]:
    """By name, hosts and workspaces along."""
    wanted = wanted or VolumeFilter()
    all_volumes = Volume.objects.select_related("host", "workspace").order_by("name", "pk")
    volumes = bounded(actor, Permission.VOLUME_VIEW, all_volumes, PATHS)
    if wanted.workspace:
        volumes = volumes.filter(workspace__slug=wanted.workspace)
    if not wanted.gone:
        volumes = volumes.filter(gone_at=None)
    if wanted.host:
        volumes = volumes.filter(host__name=wanted.host)
    if wanted.text:
        labelled = Q(labels__icontains=wanted.text)
        volumes = volumes.filter(Q(name__icontains=wanted.text) | labelled)
    return volumes


def get_volume(actor: Actor, host_name: str, name: str) -> Volume:
    """One that is there goes before one that is gone."""
    matches = visible_volumes(actor, VolumeFilter(host=host_name, gone=True)).filter(name=name)
    volume = matches.filter(gone_at=None).first() or matches.order_by("-pk").first()
    if volume is None:
        raise Missing(_("There is no volume “%(name)s” on this host.") % {"name": name})
    return volume


def users_of(actor: Actor, volume: Volume) -> Users:
    known = neighbours(actor, volume.host, [one["container"] for one in volume.users])
    seen = [_user(one, known[one["container"]]) for one in volume.users if one["container"] in known]
    return Users(seen, len(volume.users) - len(seen))


def users_to_stop(actor: Actor, volume: Volume) -> list[str]:
    """Ids of the containers that run and have it. Denied unless the actor may stop them all."""
    users = users_of(actor, volume)
    if users.others:
        raise Conflict(_("Containers that you may not see have “%(name)s” too.") % {"name": volume.shown_name})
    wanted = Permission.CONTAINER_STOP
    for user in users.running:
        if not may(actor, wanted, at=user.shown.place):
            raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)
    return list(dict.fromkeys(user.shown.engine_id for user in users.running))


def unused_volumes(actor: Actor, host: Host, workspace: Workspace) -> list[Volume]:
    """What a prune would remove: no container has them, not even one that does not run."""
    present = visible_volumes(actor, VolumeFilter(host=host.name, workspace=workspace.slug))
    return [volume for volume in present if not volume.users]


def find_listing(actor: Actor, volume: Volume) -> VolumeListing | None:
    """Its files as somebody last saw them. Denied without volume.backup."""
    require_reading(actor, volume)
    return VolumeListing.objects.filter(volume=volume).first()


def require_reading(actor: Actor, on: Volume | Backup) -> None:
    """Denied where a volume may be seen but not what is in it."""
    wanted = Permission.VOLUME_BACKUP
    if not may(actor, wanted, on=on):
        raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)


def visible_backups(actor: Actor, *, workspace: str = "", volume: str = "") -> QuerySet[Backup]:
    """Newest first, hosts and workspaces along."""
    all_backups = Backup.objects.select_related("host", "workspace", "job").order_by("-pk")
    backups = bounded(actor, Permission.VOLUME_VIEW, all_backups, PATHS)
    if workspace:
        backups = backups.filter(workspace__slug=workspace)
    return backups.filter(volume_name=volume) if volume else backups


def get_backup(actor: Actor, number: int) -> Backup:
    backup = visible_backups(actor).filter(pk=number).first()
    if backup is None:
        raise Missing(_("There is no such backup."))
    return backup


def backups_of(actor: Actor, volume: Volume) -> QuerySet[Backup]:
    """Of a volume of that name, on its host and in its workspace."""
    return visible_backups(actor, volume=volume.name).filter(workspace=volume.workspace, host=volume.host)


def find_present(host: Host, name: str) -> Volume | None:
    """A rule of operations, so it asks for no permission."""
    return Volume.objects.filter(host=host, name=name, gone_at=None).first()


def own_volumes(workspace: Workspace, host: Host) -> frozenset[str]:
    """Names of those that belong to the workspace. A rule of operations, so it asks for no permission."""
    present = Volume.objects.filter(workspace=workspace, host=host, gone_at=None)
    return frozenset(present.values_list("name", flat=True))


def _user(one: dict[str, Any], shown: Neighbour) -> User:
    return User(shown, str(one.get("destination") or ""), bool(one.get("is_writable", True)))
