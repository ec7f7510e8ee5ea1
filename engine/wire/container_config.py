"""``Config`` of containers and images: what runs, as whom, with which variables."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from engine.model.container import ContainerSpec
from engine.model.image import Healthcheck, ImageConfig
from engine.model.ports import Port


class HealthcheckJson(msgspec.Struct, rename="pascal", omit_defaults=True):
    test: list[str] = []
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0

    @classmethod
    def of(cls, healthcheck: Healthcheck) -> "HealthcheckJson":
        return cls(
            list(healthcheck.test),
            healthcheck.interval_ns,
            healthcheck.timeout_ns,
            healthcheck.start_period_ns,
            healthcheck.start_interval_ns,
            healthcheck.retries,
        )

    def to_model(self) -> Healthcheck:
        return Healthcheck(
            tuple(self.test), self.interval, self.timeout, self.start_period, self.start_interval, self.retries
        )


class ContainerConfigJson(msgspec.Struct, rename="pascal", kw_only=True):
    """In Docker's order. None where Go leaves a nil slice or map."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, dict[str, Any]] | UnsetType = UNSET
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: list[str] | None = None
    cmd: list[str] | None = None
    healthcheck: HealthcheckJson | UnsetType = UNSET
    image: str = ""
    volumes: dict[str, dict[str, Any]] | None = None
    working_dir: str = ""
    entrypoint: list[str] | None = None
    network_disabled: bool | UnsetType = UNSET
    mac_address: str | UnsetType = UNSET
    on_build: list[str] | None = None
    labels: dict[str, str] | None = None
    stop_signal: str | UnsetType = UNSET
    stop_timeout: int | UnsetType = UNSET
    shell: list[str] | UnsetType = UNSET
    args_escaped: bool | UnsetType = UNSET


def encode_container_config(spec: ContainerSpec, *, hostname: str) -> ContainerConfigJson:
    return ContainerConfigJson(
        hostname=hostname,
        domainname=spec.domainname,
        user=spec.user,
        attach_stdin=spec.attach_stdin,
        attach_stdout=spec.attach_stdout,
        attach_stderr=spec.attach_stderr,
        exposed_ports=_exposed(spec.exposed_ports),
        tty=spec.tty,
        open_stdin=spec.open_stdin,
        stdin_once=spec.stdin_once,
        env=list(spec.env),
        cmd=_nullable(spec.cmd),
        healthcheck=HealthcheckJson.of(spec.healthcheck) if spec.healthcheck else UNSET,
        image=spec.image_name,
        volumes={path: {} for path in sorted(spec.volumes)} or None,
        working_dir=spec.working_dir,
        entrypoint=_nullable(spec.entrypoint),
        network_disabled=spec.network_disabled or UNSET,
        mac_address=spec.mac_address or UNSET,
        on_build=list(spec.on_build) or None,
        labels=dict(spec.labels),
        stop_signal=spec.stop_signal or UNSET,
        stop_timeout=UNSET if spec.stop_timeout_s is None else spec.stop_timeout_s,
        shell=list(spec.shell) if spec.shell else UNSET,
        args_escaped=spec.args_escaped or UNSET,
    )


def encode_image_config(config: ImageConfig) -> ContainerConfigJson:
    return ContainerConfigJson(
        user=config.user,
        exposed_ports=_exposed(config.exposed_ports),
        env=list(config.env) or None,
        cmd=_nullable(config.cmd),
        healthcheck=HealthcheckJson.of(config.healthcheck) if config.healthcheck else UNSET,
        volumes={path: {} for path in sorted(config.volumes)} or None,
        working_dir=config.working_dir,
        entrypoint=_nullable(config.entrypoint),
        on_build=list(config.on_build) or None,
        labels=_labels(config.labels),
        stop_signal=config.stop_signal or UNSET,
        shell=list(config.shell) if config.shell else UNSET,
    )


def _labels(labels: Mapping[str, str]) -> dict[str, str] | None:
    return dict(labels) or None


def _exposed(ports: Iterable[Port]) -> dict[str, dict[str, Any]] | UnsetType:
    return {str(port): {} for port in sorted(ports)} or UNSET


def _nullable(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)
