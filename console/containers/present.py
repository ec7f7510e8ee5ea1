"""What a container is by its engine's own word, as a specification: also what was changed past the console."""

from dataclasses import dataclass, replace
from typing import Any

from asgiref.sync import async_to_sync

from console.containers.models import Container
from console.containers.queries import revision_in_force
from console.containers.specs.reading import Reading, of_docker
from console.containers.specs.spec import ContainerSpec
from console.hosts import acting
from console.hosts.gateway import connect
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import may
from console.secrets.references import name_in


@dataclass(frozen=True, slots=True)
class Present:
    """``lost``: members of Docker's that no specification says, so that a replacement would be without them.
    ``image_engine_id`` is what it was made of, whatever the image's name means by now.
    """

    spec: ContainerSpec
    lost: tuple[str, ...] = ()
    image_engine_id: str = ""


def read_present(container: Container) -> Present:
    """Asks the engine; Missing and Unavailable as it answers. Values that came from secrets are references again."""
    document, image = async_to_sync(inspected)(container.host.address, container.engine_id)
    reading: Reading = of_docker(document, image)
    known = revision_in_force(container)
    meant = dict(known.spec.get("env") or {}) if known is not None else {}
    env = {
        name: meant[name] if name_in(str(meant.get(name, ""))) is not None else value
        for name, value in reading.spec.env.items()
    }
    spec = replace(reading.spec, env=env)
    return Present(spec, reading.lost, str(document.get("Image", "")).removeprefix("sha256:"))


def present_if(actor: Actor, container: Container, wanted: Permission) -> Present:
    """Nothing is asked of an engine for who may not do what it is for; the operation then says so."""
    if container.gone_at is not None or not may(actor, wanted, on=container):
        return Present(ContainerSpec(container.image))
    return read_present(container)


async def inspected(address: str, engine_id: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The container and its image."""
    async with connect(address) as engine:
        document = await acting.inspect(engine, engine_id)
        return document, await acting.find_image(engine, str(document.get("Image", "")))
