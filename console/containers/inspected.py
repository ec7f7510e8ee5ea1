"""A container as its engine tells it now; where that does not answer, as its host last reported it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync

from console.containers.models import Container
from console.hosts.gateway import connect
from console.hosts.shape import Shape, shape_of
from console.operations.errors import ConsoleError, Invalid

# a page does not wait longer for an engine
PATIENCE_S = 4.0
# of one that was silent already
IMPATIENCE_S = 1.5


@dataclass(frozen=True, slots=True)
class Inspected:
    """``document`` is None where the engine was not asked or did not answer; ``why`` says what it was that failed."""

    shape: Shape
    document: Mapping[str, Any] | None
    why: str = ""

    @property
    def is_old(self) -> bool:
        return self.document is None

    def part(self, *names: str) -> Mapping[str, Any]:
        """An object inside the document; an empty one where there is none."""
        found: Any = self.document or {}
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}


def inspect(container: Container, *, with_size: bool = False) -> Inspected:
    """Never raises: a page shows what is known."""
    if container.gone_at is not None:
        return Inspected(container.shape, None)
    patience_s = IMPATIENCE_S if container.host.is_stale else PATIENCE_S
    try:
        document = async_to_sync(_asked)(container.host.address, container.engine_id, with_size, patience_s)
    except ConsoleError as error:
        if with_size:
            # walking through a large layer may take longer than a page waits
            return inspect(container)
        return Inspected(container.shape, None, str(error))
    return Inspected(shape_of(document), document)


async def _asked(address: str, engine_id: str, with_size: bool, patience_s: float) -> Mapping[str, Any]:
    async with connect(address) as engine:
        params = {"size": "1"} if with_size else {}
        document = await engine.json(f"containers/{engine_id}/json", params=params, timeout_s=patience_s)
    if not isinstance(document, Mapping):
        raise Invalid("the engine did not answer with an object")
    return document
