"""Containers as the API is told of them and shows them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from console.containers.models import Container
from console.containers.queries import ContainerFilter
from console.live.topics import Chunk
from console.rest.schemas import Decimal, Given, Paging, Shown, Slug, Whole, words
from console.web.keyset import LARGEST

State = Annotated[Container.State, words(Container.State)]


class PortShown(Shown):
    host_address: str
    host_port: int
    container_port: int
    protocol: str


class ContainerShown(Shown):
    id: str = Field(description="The engine's 64 hex digits.")
    name: str
    host: str
    workspace: str
    image: str
    command: list[str]
    state: State
    exit_code: int | None
    ports: list[PortShown]
    labels: dict[str, str]
    memory_bytes: int
    cpus: float
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seen_at: datetime = Field(description="When its host last reported it.")
    gone_at: datetime | None = Field(description="When it was found to be removed.")

    @classmethod
    def of(cls, container: Container) -> Self:
        return cls(
            id=container.engine_id,
            name=container.name,
            host=container.host.name,
            workspace=container.workspace.slug,
            image=container.image,
            command=container.command,
            state=Container.State(container.state),
            exit_code=container.exit_code,
            ports=[PortShown(**port) for port in container.ports],
            labels=container.labels,
            memory_bytes=container.memory_bytes,
            cpus=container.cpus,
            created_at=container.created_at,
            started_at=container.started_at,
            finished_at=container.finished_at,
            seen_at=container.seen_at,
            gone_at=container.gone_at,
        )


class ContainerQuery(Paging):
    host: str = Field("", max_length=63)
    state: State | None = None
    text: str = Field("", max_length=300, description="Part of its name or image, or the beginning of its id.")
    gone: bool = Field(False, description="Removed ones too.")
    workspace: str = Field("", max_length=40)

    @property
    def wanted(self) -> ContainerFilter:
        return ContainerFilter(self.host, self.state or "", self.text, self.gone, self.workspace)


class RunPlace(Given):
    host: Slug
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may run.")


class RunInputs(Given):
    image: str = Field(max_length=300, description="A name, or the beginning of an id.")
    name: str = Field("", max_length=128, description="Empty: one is made up.")
    command: str = Field("", max_length=32_768, description="Split as a shell would, and never given to one.")
    env: dict[str, str] = Field(
        default_factory=dict, max_length=1000, description="A value may be `secret:NAME`, a secret of the workspace."
    )
    ports: list[str] = Field(
        default_factory=list, max_length=200, description="`[address:][host port:]container port[/udp]`"
    )
    memory_bytes: Whole | None = Field(None, ge=1, le=2**53)
    cpus: Decimal | None = Field(None, gt=0, le=1024)


class RunGiven(RunInputs, RunPlace):
    """What, and where."""


class StopGiven(Given):
    timeout_s: Whole = Field(10, ge=0, le=3600, description="It is killed after that.")


class RemoveQuery(Given):
    force: bool = Field(False, description="Also while it runs.")


class WorkspaceGiven(Given):
    workspace: str = Field(min_length=1, max_length=40)


class LogLine(Shown):
    at_ms: int | None = Field(le=LARGEST, description="Since 1970.")
    stream: str
    text: str


class LogShown(Shown):
    cursor: str = Field(description="Give it as `since` to go on.")
    lines: list[LogLine]

    @classmethod
    def of(cls, chunk: Chunk) -> Self:
        lines = [LogLine(at_ms=line.at_ms, stream=line.stream, text=line.text) for line in chunk.lines]
        return cls(cursor=chunk.cursor, lines=lines)
