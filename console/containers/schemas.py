"""Containers as the API is told of them and shows them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from console.containers.models import Container, Revision
from console.containers.queries import ContainerFilter
from console.jobs.telling import inputs_to_tell
from console.live.topics import Chunk
from console.rest.schemas import Decimal, Flag, Given, Paging, Shown, Slug, Whole, words
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
    health: str = Field(description="As Docker words it: healthy, unhealthy, starting; empty without a health check.")
    exit_code: int | None
    oom_killed: bool
    restart_count: int = Field(description="By its engine, because of a restart policy.")
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
            health=container.health,
            exit_code=container.exit_code,
            oom_killed=container.oom_killed,
            restart_count=container.restart_count,
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
    health: Literal["", "healthy", "unhealthy", "starting"] = Field("", description="Of those that run.")
    text: str = Field("", max_length=300, description="Part of its name or image, or the beginning of its id.")
    gone: bool = Field(False, description="Removed ones too.")
    workspace: str = Field("", max_length=40)

    @property
    def wanted(self) -> ContainerFilter:
        return ContainerFilter(self.host, self.state or "", self.text, self.gone, self.workspace, self.health)


class MountGiven(Given):
    kind: Literal["bind", "volume", "tmpfs"]
    target: str = Field(max_length=4096, description="An absolute path in the container.")
    source: str = Field("", max_length=4096, description="A path of the host, or a volume's name.")
    read_only: Flag = False
    strict: Flag = Field(False, description="As `--mount`: what is missing is an error, and not made.")
    options: str = Field("", max_length=300, description="Words with commas between: `rslave`, `nocopy`, `size=64m`.")


class JoinGiven(Given):
    name: str = Field(max_length=255, description="Of a network; or, alone, `host`, `none` or `container:NAME`.")
    aliases: list[str] = Field(default_factory=list, max_length=100)
    ipv4: str = Field("", max_length=45)
    ipv6: str = Field("", max_length=45)


Pairs = dict[str, str]
Lines = Annotated[list[str], Field(max_length=1000)]
Text = Annotated[str, Field(max_length=65_536)]


class MoreInputs(Given):
    """What is left out is the image's or the engine's to say. Lists take what the flags of `docker run` take."""

    entrypoint: Text | None = Field(None, description="One word; an empty one takes the image's away.")
    workdir: Text = ""
    user: Text = ""
    tty: Flag = False
    stdin: Flag = False
    stop_signal: Text = ""
    stop_timeout_s: Whole | None = None
    labels: Pairs = Field(default_factory=dict, max_length=1000)
    platform: Text = ""
    expose: Lines = Field(default_factory=list)
    publish_all: Flag = False
    mounts: list[MountGiven] = Field(default_factory=list, max_length=200)
    volumes_from: Lines = Field(default_factory=list)
    networks: list[JoinGiven] = Field(default_factory=list, max_length=50)
    hostname: Text = ""
    domainname: Text = ""
    mac_address: Text = ""
    dns: Lines = Field(default_factory=list)
    dns_search: Lines = Field(default_factory=list)
    dns_options: Lines = Field(default_factory=list)
    extra_hosts: Lines = Field(default_factory=list)
    links: Lines = Field(default_factory=list)
    memory_reservation_bytes: Whole = Field(0, ge=0, le=LARGEST)
    memory_swap_bytes: Whole = Field(0, ge=-1, le=LARGEST, description="Memory and swap together; -1: any amount.")
    memory_swappiness: Whole | None = Field(None, ge=0, le=100)
    cpuset_cpus: Text = ""
    cpuset_mems: Text = ""
    cpu_shares: Whole = Field(0, ge=0, le=LARGEST)
    cpu_period_us: Whole = Field(0, ge=0, le=LARGEST)
    cpu_quota_us: Whole = Field(0, ge=0, le=LARGEST)
    pids_limit: Whole = Field(0, ge=0, le=LARGEST)
    shm_bytes: Whole = Field(0, ge=0, le=LARGEST)
    blkio_weight: Whole = Field(0, ge=0, le=1000)
    ulimits: Lines = Field(default_factory=list)
    oom_kill_disable: Flag = False
    oom_score_adj: Whole = Field(0, ge=-1000, le=1000)
    restart: Text = ""
    auto_remove: Flag = False
    health_command: Text = ""
    health_interval_ms: Whole = Field(0, ge=0, le=LARGEST)
    health_timeout_ms: Whole = Field(0, ge=0, le=LARGEST)
    health_start_period_ms: Whole = Field(0, ge=0, le=LARGEST)
    health_retries: Whole = Field(0, ge=0, le=LARGEST)
    no_healthcheck: Flag = False
    privileged: Flag = False
    cap_add: Lines = Field(default_factory=list)
    cap_drop: Lines = Field(default_factory=list)
    security_opt: Lines = Field(default_factory=list)
    read_only: Flag = False
    init: Flag = False
    group_add: Lines = Field(default_factory=list)
    devices: Lines = Field(default_factory=list)
    sysctls: Pairs = Field(default_factory=dict, max_length=200)
    userns: Text = ""
    pid_mode: Text = ""
    ipc_mode: Text = ""
    uts_mode: Text = ""
    cgroupns: Text = ""
    log_driver: Text = ""
    log_options: Pairs = Field(default_factory=dict, max_length=200)

    @property
    def asked(self) -> dict[str, Any]:
        """What is asked for, as run_container takes it."""
        return self.model_dump(exclude_defaults=True)


class RunPlace(Given):
    host: Slug
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may run.")


class SpecInputs(MoreInputs):
    image: str = Field(max_length=300, description="A name, or the beginning of an id.")
    command: str = Field("", max_length=32_768, description="Split as a shell would, and never given to one.")
    env: dict[str, str] = Field(
        default_factory=dict, max_length=1000, description="A value may be `secret:NAME`, a secret of the workspace."
    )
    ports: list[str] = Field(
        default_factory=list, max_length=200, description="`[address:][host port:]container port[/udp]`"
    )
    memory_bytes: Whole | None = Field(None, ge=1, le=2**53)
    cpus: Decimal | None = Field(None, gt=0, le=1024)


class RunInputs(SpecInputs):
    name: str = Field("", max_length=128, description="Empty: one is made up.")


class RunGiven(RunInputs, RunPlace):
    """What, and where."""


class ReplaceGiven(Given):
    spec: SpecInputs | None = Field(None, description="Left out: the same again, fresh from its image.")


class LimitsGiven(Given):
    """What is left out stays as it is."""

    memory_bytes: Whole = Field(0, ge=0, le=LARGEST)
    memory_reservation_bytes: Whole = Field(0, ge=0, le=LARGEST)
    memory_swap_bytes: Whole = Field(0, ge=-1, le=LARGEST)
    cpus: Decimal = Field(0, ge=0, le=1024)
    cpu_shares: Whole = Field(0, ge=0, le=LARGEST)
    cpuset_cpus: str = Field("", max_length=300)
    cpuset_mems: str = Field("", max_length=300)
    pids_limit: Whole = Field(0, ge=0, le=LARGEST)
    blkio_weight: Whole = Field(0, ge=0, le=1000)
    restart: str = Field("", max_length=40)


class CloneGiven(Given):
    count: Whole = Field(ge=1, le=50)
    pattern: str = Field("", max_length=128, description="`web-{n}`: the next free numbers. Empty: after its own name.")
    ports: Literal["engine", "counted"] = Field("engine", description="What becomes of ports that are fixed.")


class KillGiven(Given):
    signal: str = Field("KILL", max_length=20)


class RenameGiven(Given):
    to: str = Field(min_length=1, max_length=128)


class ManyGiven(Given):
    action: Literal["start", "stop", "restart", "remove"]
    picked: list[str] = Field(min_length=1, max_length=200, description="`host/name`, or `host/` and an id.")


class ManyAsked(Shown):
    jobs: list[int]
    left_out: dict[str, str] = Field(description="Why it is not done to these.")


class LineGiven(Given):
    line: str = Field(max_length=200_000, description="`docker run …`")


class SpecShown(Shown):
    spec: dict[str, Any] = Field(description="As it is given to run one. Values in `env` are null where not shown.")
    name: str
    command_line: str = Field(description="The `docker run` that makes the same. Without values that are not shown.")
    lost: list[str] = Field(description="Settings that a replacement would be without.")


class RevisionShown(Shown):
    number: int
    cause: Annotated[Revision.Cause, words(Revision.Cause)]
    spec: dict[str, Any] = Field(description="Values in `env` are null without container.secrets there.")
    restores: int | None
    job: int | None
    state: str = Field(description="Of its job; empty for what was found.")
    by: str
    created_at: datetime

    @classmethod
    def of(cls, revision: Revision, *, shows_env: bool) -> Self:
        return cls(
            number=revision.number,
            cause=Revision.Cause(revision.cause),
            spec=inputs_to_tell(revision.spec, shows_env=shows_env),
            restores=revision.restores,
            job=revision.job_id,
            state=revision.job.state if revision.job else "",
            by=revision.actor_name,
            created_at=revision.created_at,
        )


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
