"""What an engine says about containers and images, as our own types: Docker's JSON is read here, and in ``wires`` for
networks and volumes, and nowhere else.

Field names follow Docker's API reference (``GET /containers/{id}/json``, ``GET /images/json``, …). Facts travel from
agent to console as JSON: ``as_json`` and ``from_json``.
"""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self, cast

from console.hosts.shape import Shape, shape_of

ZERO_TIME = "0001-01-01"


class Fact:
    """A dataclass of plain values, which travels as JSON."""

    __slots__ = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(cast("Any", self))

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        return cls(**document)


@dataclass(frozen=True, slots=True)
class ContainerFact(Fact):
    engine_id: str
    name: str
    image: str
    image_engine_id: str
    command: list[str]
    state: str
    exit_code: int | None
    ports: list[dict[str, Any]]
    labels: dict[str, str]
    memory_bytes: int
    cpus: float
    has_tty: bool
    created_at: str
    started_at: str | None
    finished_at: str | None
    error: str = ""
    oom_killed: bool = False
    # healthy, unhealthy, starting; empty without a health check
    health: str = ""
    restart_count: int = 0
    shape: Shape = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageFact(Fact):
    engine_id: str
    references: list[str]
    size_bytes: int
    created_at: str


def container_fact(document: dict[str, Any]) -> ContainerFact:
    config, state, host = document["Config"], document["State"], document.get("HostConfig") or {}
    started_at, finished_at = _time_or_none(state.get("StartedAt")), _time_or_none(state.get("FinishedAt"))
    status = str(state.get("Status", ""))
    has_ended = status in ("exited", "dead")
    return ContainerFact(
        engine_id=str(document["Id"]),
        name=str(document.get("Name", "")).lstrip("/"),
        image=str(config.get("Image", "")),
        image_engine_id=str(document.get("Image", "")).removeprefix("sha256:"),
        command=[str(word) for word in [document.get("Path", ""), *(document.get("Args") or [])] if word != ""],
        state=status,
        exit_code=int(state.get("ExitCode", 0)) if has_ended else None,
        ports=_ports(document),
        labels={str(key): str(value) for key, value in (config.get("Labels") or {}).items()},
        memory_bytes=int(host.get("Memory") or 0),
        cpus=int(host.get("NanoCpus") or 0) / 1e9,
        has_tty=bool(config.get("Tty")),
        created_at=_time_or_none(document.get("Created")) or datetime.now(UTC).isoformat(),
        started_at=started_at,
        finished_at=finished_at if has_ended else None,
        error=str(state.get("Error") or ""),
        oom_killed=bool(state.get("OOMKilled")),
        health=_health(state),
        restart_count=int(document.get("RestartCount") or 0),
        shape=shape_of(document),
    )


def _health(state: dict[str, Any]) -> str:
    status = str((state.get("Health") or {}).get("Status") or "")
    return "" if status == "none" else status


def image_fact(document: dict[str, Any]) -> ImageFact:
    references = [str(name) for name in document.get("RepoTags") or [] if name != "<none>:<none>"]
    return ImageFact(
        engine_id=str(document["Id"]).removeprefix("sha256:"),
        references=sorted(references),
        size_bytes=int(document.get("Size") or 0),
        created_at=datetime.fromtimestamp(int(document.get("Created") or 0), UTC).isoformat(),
    )


def log_since(at_ns: int) -> dict[str, str]:
    """The ``since`` parameter, inclusive to the nanosecond. None of it for the start of the log."""
    return {"since": f"{at_ns // 10**9}.{at_ns % 10**9:09d}"} if at_ns else {}


def _ports(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What is published now, and for a container that does not run what would be."""
    actual = (document.get("NetworkSettings") or {}).get("Ports") or {}
    wanted = (document.get("HostConfig") or {}).get("PortBindings") or {}
    running = (document.get("State") or {}).get("Running")
    found: list[dict[str, Any]] = []
    for key, bindings in (actual if running else wanted).items():
        container_port, _slash, protocol = key.partition("/")
        for binding in bindings or []:
            found.append(
                {
                    "host_address": str(binding.get("HostIp") or "0.0.0.0"),  # noqa: S104 - Docker's meaning of none
                    "host_port": _host_port(str(binding.get("HostPort") or "")),
                    "container_port": int(container_port),
                    "protocol": protocol or "tcp",
                }
            )
    return sorted(found, key=lambda port: (port["container_port"], port["protocol"], port["host_address"]))


def _host_port(text: str) -> int:
    """0 when the engine chooses: out of all, or out of a range (``docker run -p 8000-8010:80``)."""
    return int(text) if text.isdecimal() else 0


def _time_or_none(text: str | None) -> str | None:
    """RFC 3339 with nanoseconds, as Docker writes it, to what Python reads back (microseconds, UTC)."""
    if not text or text.startswith(ZERO_TIME):
        return None
    return datetime.fromisoformat(text).astimezone(UTC).isoformat()
