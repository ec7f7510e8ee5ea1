"""Looking at a stack on its host: in the agent for jobs, in the web process for pages (adr/0004)."""

from collections.abc import Mapping

from asgiref.sync import async_to_sync

from console.capsules.locks.environment import Environment, environment_of
from console.capsules.locks.seen import Document, Hints, Seen
from console.hosts import projects, tars
from console.hosts.gateway import Engine, connect
from console.operations.errors import Invalid, Missing
from console.stacks.planning import labels

# of what is in a config or a secret; a stack's files have as many together
FILE_BYTES = 1 << 20


async def seen_on(engine: Engine, project: str, hints: Mapping[str, Hints]) -> Seen:
    found = await projects.containers_of(engine, project)
    containers = tuple(one for one in found if _is_part(one))
    images = {str(one.get("Image", "")).removeprefix("sha256:") for one in containers}
    return Seen(
        project,
        containers,
        tuple(await projects.networks(engine)),
        tuple(await projects.volumes(engine)),
        {image: await _platform(engine, image) for image in sorted(images)},
        await _files(engine, containers, hints),
    )


async def observe(engine: Engine, project: str, *, salt: str, hints: Mapping[str, Hints]) -> Environment:
    return environment_of(await seen_on(engine, project, hints), salt=salt, hints=hints)


@async_to_sync
async def observe_from_here(address: str, project: str, *, salt: str, hints: Mapping[str, Hints]) -> Environment:
    """For the web process. Unavailable when the engine does not answer."""
    async with connect(address) as engine:
        return await observe(engine, project, salt=salt, hints=hints)


def _is_part(document: Document) -> bool:
    marks = (document.get("Config") or {}).get("Labels") or {}
    return labels.SERVICE in marks and not labels.is_one_off(marks)


async def _platform(engine: Engine, image: str) -> str:
    """Empty for an image that is gone while its container is there."""
    try:
        found = await engine.json(f"images/sha256:{image}/json")
    except Missing:
        return ""
    return "/".join(str(found[word]) for word in ("Os", "Architecture", "Variant") if found.get(word))


async def _files(
    engine: Engine, containers: tuple[Document, ...], hints: Mapping[str, Hints]
) -> dict[tuple[str, str], bytes | None]:
    found = {}
    for one in containers:
        engine_id, service = str(one["Id"]), one["Config"]["Labels"][labels.SERVICE]
        for path in hints.get(service, Hints()).paths:
            found[engine_id, path] = await _file(engine, engine_id, path)
    return found


async def _file(engine: Engine, engine_id: str, path: str) -> bytes | None:
    try:
        async with engine.stream(f"containers/{engine_id}/archive", params={"path": path}) as response:
            content = await tars.first_file(response.content.iter_chunked(tars.CHUNK_BYTES), limit_bytes=FILE_BYTES + 1)
    except (Missing, Invalid):
        return None
    # longer ones are none that were put there; their beginning is another content
    return content
