"""What containers and hosts use, as the API shows it."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import Field

from console.rest.schemas import Given, Shown, words
from console.stats.capacity import HostState
from console.stats.latest import ContainerUse
from console.stats.queries import History, Span


class SpanQuery(Given):
    span: Annotated[Span, words(Span)] = Field(
        Span.HOUR, description="How far back: 1h by steps of 10 seconds, 6h by a minute, 24h by five minutes."
    )


class HistoryShown(Shown):
    """Columns of one length. Where samples are missing stands one row of nulls; "_peak": the most within a step."""

    step_s: int
    at: list[datetime] = Field(description="When each step begins.")
    columns: dict[str, list[float | None]]

    @classmethod
    def of(cls, history: History) -> Self:
        at = [datetime.fromtimestamp(second, UTC) for second in history.at_s]
        return cls(step_s=history.step_s, at=at, columns=history.columns)


class ContainerUseShown(Shown):
    cpu: float | None = Field(description="Percent of one processor.")
    memory: float = Field(description="Bytes, without what could be dropped of the page cache.")
    limit: float = Field(description="Bytes; the machine's memory where there is no limit.")
    rx: float | None = Field(description="Bytes per second from the network.")
    tx: float | None
    read: float | None = Field(description="Bytes per second from disks.")
    write: float | None
    pids: float


class ContainerStatsShown(Shown):
    now: ContainerUseShown | None = Field(description="As last sampled; null when it does not run or nobody knows.")
    history: HistoryShown

    @classmethod
    def of(cls, use: ContainerUse | None, history: History) -> Self:
        now = ContainerUseShown(**asdict(use)) if use else None
        return cls(now=now, history=HistoryShown.of(history))


class HostUseShown(Shown):
    cpu: float | None = Field(description="Percent of all processors.")
    cpus: int
    memory: float
    memory_total: float
    load: float = Field(description="The average of a minute.")
    disk: float = Field(description="Bytes used of the file system that the engine's data is on; 0 when not seen.")
    disk_total: float
    disk_free: float
    rx: float | None
    tx: float | None
    running: int
    layers: float | None = Field(description="Bytes of images' layers that the engine keeps.")
    writable: float | None
    volumes: float | None
    build_cache: float | None


class PromisedShown(Shown):
    """What limits of running containers come to."""

    running: int
    containers: int
    cpus: float
    memory: int
    unlimited: int = Field(description="Running ones without a limit of memory.")


class HostStatsShown(Shown):
    now: HostUseShown | None = Field(description="As last sampled; null when what is known is old.")
    promised: PromisedShown
    history: HistoryShown

    @classmethod
    def of(cls, state: HostState, history: History) -> Self:
        now = HostUseShown(**asdict(state.use)) if state.use else None
        promised = PromisedShown(**asdict(state.promised))
        return cls(now=now, promised=promised, history=HistoryShown.of(history))
