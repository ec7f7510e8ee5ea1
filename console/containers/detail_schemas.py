"""What a container's own pages tell, as the API shows it."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from console.containers.detail import Details, mounts_of
from console.containers.environment import Variable
from console.containers.health import Probe
from console.containers.schemas import PortShown
from console.rest.schemas import Shown


class ProbeShown(Shown):
    started_at: datetime | None
    finished_at: datetime | None
    exit_code: int
    output: str | None = Field(description="null for who does not hold container.logs.")

    @classmethod
    def of(cls, probe: Probe) -> Self:
        return cls(
            started_at=probe.started_at,
            finished_at=probe.finished_at,
            exit_code=probe.exit_code,
            output=probe.output,
        )


class FromEngine(Shown):
    is_old: bool = Field(description="The engine did not answer: this is what was last known.")


class HealthShown(FromEngine):
    status: str = Field(description="In Docker's words; empty without a check.")
    failing: int = Field(description="How many checks in a row have failed.")
    check: dict[str, Any]
    probes: list[ProbeShown] = Field(description="Newest first.")

    @classmethod
    def of(cls, details: Details) -> Self:
        health = details.health
        return cls(
            is_old=details.inspected.is_old,
            status=health.status,
            failing=health.failing,
            check=details.inspected.shape.get("check", {}),
            probes=[ProbeShown.of(probe) for probe in health.probes],
        )


class VariableShown(Shown):
    name: str
    value: str | None = Field(description="null where it is not shown.")
    is_secret: bool

    @classmethod
    def of(cls, variable: Variable) -> Self:
        return cls(name=variable.name, value=variable.value, is_secret=variable.is_secret)


class ConfigShown(FromEngine):
    entrypoint: list[str]
    command: list[str]
    user: str
    working_dir: str
    restart: str
    env: list[VariableShown]
    labels: dict[str, str]
    limits: dict[str, Any]
    security: dict[str, Any]

    @classmethod
    def of(cls, details: Details) -> Self:
        shape = details.inspected.shape
        words = {name: shape.get(name, "") for name in ("user", "working_dir", "restart")}
        return cls(
            is_old=details.inspected.is_old,
            entrypoint=shape.get("entrypoint", []),
            command=shape.get("command", []),
            env=[VariableShown.of(one) for one in details.variables],
            labels=details.container.labels,
            limits=shape.get("limits", {}),
            security=shape.get("security", {}),
            **words,
        )


class JoinedShown(Shown):
    name: str
    network_id: str
    address: str
    prefix: int
    gateway: str
    address6: str
    prefix6: int
    mac: str
    aliases: list[str]


class NetworkingShown(FromEngine):
    mode: str
    networks: list[JoinedShown]
    ports: list[PortShown]
    exposed: list[str]
    dns: list[str]

    @classmethod
    def of(cls, details: Details) -> Self:
        shape = details.inspected.shape
        return cls(
            is_old=details.inspected.is_old,
            mode=shape.get("network_mode", ""),
            networks=[JoinedShown(**one) for one in shape.get("networks", ())],
            ports=[PortShown(**port) for port in details.container.ports],
            exposed=shape.get("exposed", []),
            dns=shape.get("dns", []),
        )


class MountedShown(Shown):
    kind: str
    name: str
    source: str
    target: str
    driver: str
    mode: str
    is_writable: bool


class StorageShown(FromEngine):
    layer_bytes: int | None = Field(description="What it wrote itself; null where the engine did not tell.")
    whole_bytes: int | None = Field(description="With its image, without volumes.")
    mounts: list[MountedShown]

    @classmethod
    def of(cls, details: Details) -> Self:
        return cls(
            is_old=details.inspected.is_old,
            layer_bytes=details.sizes.layer,
            whole_bytes=details.sizes.whole,
            mounts=[MountedShown(**one) for one in mounts_of(details.inspected.shape)],
        )


class InspectShown(FromEngine):
    document: dict[str, Any] = Field(description="The engine's own, with what may not be shown hidden in it.")

    @classmethod
    def of(cls, details: Details) -> Self:
        return cls(is_old=details.inspected.is_old, document=details.shown_document)
