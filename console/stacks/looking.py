"""What a host has of a project at this moment."""

from collections.abc import Iterable

from asgiref.sync import async_to_sync

from console.hosts import projects
from console.hosts.gateway import Engine, connect
from console.stacks.compose.model import Project
from console.stacks.planning import labels
from console.stacks.planning.bodies import image_of
from console.stacks.planning.steps import pinned_name
from console.stacks.planning.world import World


async def look(engine: Engine, project: Project, *, images: Iterable[str] = ()) -> World:
    """``images``: ids (64 hex digits) of images that are asked for beside those that its services name."""
    named = {one.name for section in (project.networks, project.volumes) for one in section.values()}
    wanted = {image_of(project, name, service) for name, service in project.services.items()}
    return World.of(
        project.name,
        containers=await projects.containers_of(engine, project.name),
        networks=await projects.networks(engine),
        volumes=await projects.volumes(engine),
        images=await projects.image_ids(engine, sorted(wanted | set(map(pinned_name, images)))),
        named=frozenset(named),
        shares_ports=labels.CAN_SHARE_PORTS in await projects.host_labels(engine),
    )


@async_to_sync
async def look_from_here(address: str, project: Project, *, images: Iterable[str] = ()) -> World:
    """For the web process, which may read from an engine (adr/0004). Unavailable when it does not answer."""
    async with connect(address) as engine:
        return await look(engine, project, images=images)
