"""What one person may know of one container beyond its row. Pages and the API show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.containers.environment import EnvRule, Variable, env_rule, hidden_in, variables_of
from console.containers.health import Health, health_of, without_outputs
from console.containers.inspected import Inspected, inspect
from console.containers.models import Container
from console.hosts.shape import Shape
from console.jobs.telling import HIDDEN
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import may


@dataclass(frozen=True, slots=True)
class Sizes:
    """``layer`` is what it wrote itself, ``whole`` with its image; None where the engine did not tell."""

    layer: int | None
    whole: int | None


@dataclass(frozen=True, slots=True)
class Details:
    container: Container
    inspected: Inspected
    rule: EnvRule
    reads_logs: bool

    @property
    def variables(self) -> list[Variable]:
        return variables_of(self.rule, self.inspected.document, names=self.inspected.shape.get("env", []))

    @property
    def health(self) -> Health:
        found = self.inspected.part("State", "Health")
        return health_of(found, shows_output=self.reads_logs, last_known=self.container.health)

    @property
    def sizes(self) -> Sizes:
        found = self.inspected.part()
        return Sizes(_size(found.get("SizeRw")), _size(found.get("SizeRootFs")))

    @property
    def shown_document(self) -> dict[str, Any]:
        """The engine's own, or where it does not answer what was last known, in the console's words."""
        document = self.inspected.document
        if document is None:
            return {"Id": self.container.engine_id, "Name": self.container.name, "LastKnown": self.inspected.shape}
        shown = hidden_in(self.rule, document)
        return shown if self.reads_logs else without_outputs(shown, hidden=HIDDEN)


def details_of(actor: Actor, container: Container, *, with_size: bool = False) -> Details:
    """For who may see the container. Asks its engine, and does not raise when that is away."""
    return Details(
        container,
        inspect(container, with_size=with_size),
        env_rule(actor, container),
        may(actor, Permission.CONTAINER_LOGS, on=container),
    )


def mounts_of(shape: Shape) -> list[dict[str, Any]]:
    """All that is mounted, tmpfs too, by where it is."""
    listed: list[dict[str, Any]] = list(shape.get("mounts", ()))
    there = {mount["target"] for mount in listed}
    tmpfs: Mapping[str, str] = shape.get("tmpfs", {})
    added = [
        {"kind": "tmpfs", "name": "", "source": "", "target": at, "driver": "", "mode": options, "is_writable": True}
        for at, options in tmpfs.items()
        if at not in there
    ]
    return sorted([*listed, *added], key=lambda mount: str(mount["target"]))


def _size(value: object) -> int | None:
    return value if isinstance(value, int) else None
