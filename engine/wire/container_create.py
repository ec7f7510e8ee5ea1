"""``POST /containers/create``: the request, merged with the image's defaults as Docker does (daemon/commit.go)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import msgspec

from engine.model.container import ContainerSpec, Profile
from engine.model.errors import Invalid
from engine.model.image import Healthcheck, Image, ImageConfig
from engine.model.network import EndpointSettings
from engine.model.ports import Port
from engine.model.sharing import not_by_image
from engine.wire.container_config import HealthcheckJson
from engine.wire.endpoint_settings import all_wishes, checked_mac, decode_networking
from engine.wire.host_config import HostConfig, decode_host_config, host_config_fields
from engine.wire.json_body import decode, parse_object, pascal, unknown_members
from engine.wire.log_config import log_warnings
from engine.wire.mounts import parse_volume_path
from engine.wire.namespaces import check_conflicts
from engine.wire.sysctls import check_sysctls
from engine.wire.text import LONGEST_NAME, MOST_ITEMS, check_arguments, check_mapping, check_text, check_texts, shown
from engine.wire.version import CURRENT, START_INTERVAL_FROM, ApiVersion

_Config = TypeVar("_Config", ContainerSpec, ImageConfig)
_LEAST_HEALTH_NS: Final = 1_000_000


class CreateRequest(msgspec.Struct, rename="pascal", kw_only=True):
    """The members of the body that this engine acts upon, with Docker's names."""

    image: str = ""
    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, dict[str, Any]] = {}
    volumes: dict[str, dict[str, Any]] = {}
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: list[str] = []
    cmd: str | list[str] | None = None
    entrypoint: str | list[str] | None = None
    healthcheck: HealthcheckJson | None = None
    shell: list[str] = []
    working_dir: str = ""
    labels: dict[str, str] = {}
    stop_signal: str = ""
    stop_timeout: int | None = None
    network_disabled: bool = False
    mac_address: str = ""
    on_build: list[str] = []
    args_escaped: bool = False
    host_config: dict[str, Any] = {}
    networking_config: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Creation:
    """A decoded request. ``to_spec`` needs the image, which the request only names."""

    request: CreateRequest
    host: HostConfig
    mac_address: str
    endpoints: Mapping[str, EndpointSettings]
    warnings: tuple[str, ...]

    @property
    def console_size(self) -> tuple[int, int] | None:
        """Height and width, when the client gave them."""
        size = self.host.main.console_size
        return (size[0], size[1]) if len(size) == 2 and all(0 < side < 65536 for side in size) else None

    def to_spec(self, image: Image, *, default_profile: Profile = Profile.DEFAULT) -> tuple[ContainerSpec, list[str]]:
        """What the container is to be, and warnings for the client. Raises Invalid or Unsupported."""
        own = self._own_spec(image, default_profile)
        own = replace(own, networks=all_wishes(own.network_mode, self.endpoints, mac_address=own.mac_address))
        check_conflicts(own)
        check_sysctls(own)
        spec = merged(own, replace(image.config, labels=not_by_image(image.config.labels)))
        if not spec.argv:
            raise Invalid("no command specified")
        return spec, [*self.warnings, *_warnings(spec)]

    def _own_spec(self, image: Image, default_profile: Profile) -> ContainerSpec:
        request = self.request
        return ContainerSpec(
            image_id=image.id,
            image_name=request.image,
            entrypoint=_words(request.entrypoint),
            cmd=_words(request.cmd),
            env=tuple(request.env),
            working_dir=request.working_dir,
            user=request.user,
            labels=request.labels,
            hostname=request.hostname,
            domainname=request.domainname,
            tty=request.tty,
            open_stdin=request.open_stdin,
            stdin_once=request.stdin_once,
            attach_stdin=request.attach_stdin,
            attach_stdout=request.attach_stdout,
            attach_stderr=request.attach_stderr,
            exposed_ports=frozenset(
                Port.parse(text) for text in (*request.exposed_ports, *self.host.main.port_bindings)
            ),
            stop_signal=request.stop_signal,
            stop_timeout_s=request.stop_timeout,
            healthcheck=request.healthcheck.to_model() if request.healthcheck else None,
            shell=tuple(request.shell) or None,
            network_disabled=request.network_disabled,
            mac_address=self.mac_address,
            on_build=tuple(request.on_build),
            args_escaped=request.args_escaped,
            volumes=frozenset(parse_volume_path(path) for path in request.volumes),
            **host_config_fields(self.host, default_profile=default_profile),
        )


def decode_create(body: bytes, *, version: ApiVersion = CURRENT) -> Creation:
    """Raises Invalid, TooLarge or Unsupported, naming the member."""
    raw = parse_object(body)
    request = decode(raw, CreateRequest)
    unknown = unknown_members(raw, CreateRequest)
    _check(request)
    if request.healthcheck and version < START_INTERVAL_FROM:
        request.healthcheck.start_interval = 0
    endpoints = decode_networking(request.networking_config, version=version)
    host, warnings = decode_host_config(request.host_config)
    mode = host.by_subject["network_mode"]
    mac_address = checked_mac("MacAddress", request.mac_address)
    if mode in endpoints:
        mac_address = endpoints[mode].mac_address or mac_address
    return Creation(
        request,
        host,
        mac_address,
        endpoints,
        (*(f"{name} is unknown and was ignored" for name in unknown[:20]), *warnings[:20]),
    )


def merged(own: _Config, inherited: ImageConfig) -> _Config:
    """``own`` with the word of its image, or of the container it is committed from, wherever it says nothing."""
    entrypoint, cmd = own.entrypoint, own.cmd
    if not entrypoint:
        cmd = cmd or inherited.cmd
        entrypoint = inherited.entrypoint if entrypoint is None else entrypoint
    elif entrypoint == ("",):  # `--entrypoint ""`: none, and not the image's command either
        entrypoint = None
    return replace(
        own,
        entrypoint=entrypoint,
        cmd=cmd,
        env=_merged_env(own.env, inherited.env),
        labels={**inherited.labels, **own.labels},
        working_dir=own.working_dir or inherited.working_dir,
        user=own.user or inherited.user,
        exposed_ports=own.exposed_ports | inherited.exposed_ports,
        volumes=own.volumes | inherited.volumes,
        stop_signal=own.stop_signal or inherited.stop_signal,
        healthcheck=_merged_healthcheck(own.healthcheck, inherited.healthcheck),
        shell=own.shell or inherited.shell,
    )


def _merged_env(own: tuple[str, ...], image: tuple[str, ...]) -> tuple[str, ...]:
    """The client's variables, then those of the image it does not mention.

    ``NAME`` without ``=`` unsets one; it stays on record, as in Docker.
    """
    named = {entry.partition("=")[0] for entry in own}
    inherited = [entry for entry in image if entry.partition("=")[0] not in named]
    last = {entry.partition("=")[0]: entry for entry in own}
    return (*last.values(), *inherited)


def _merged_healthcheck(own: Healthcheck | None, image: Healthcheck | None) -> Healthcheck | None:
    if own is None or image is None:
        return own or image
    return Healthcheck(
        own.test or image.test,
        own.interval_ns or image.interval_ns,
        own.timeout_ns or image.timeout_ns,
        own.start_period_ns or image.start_period_ns,
        own.start_interval_ns or image.start_interval_ns,
        own.retries or image.retries,
    )


def _warnings(spec: ContainerSpec) -> list[str]:
    warnings = []
    if spec.network_mode == "host" and (spec.port_bindings or spec.publish_all_ports):
        warnings.append("Published ports are discarded when using host network mode")
    return warnings + log_warnings(spec.log)


def _check(request: CreateRequest) -> None:
    if not request.image:
        raise Invalid("Image: no image specified")
    for name in ("image", "hostname", "domainname", "user", "stop_signal"):
        check_text(pascal(name), getattr(request, name), longest=LONGEST_NAME if name != "image" else 4096)
    check_text("WorkingDir", request.working_dir, longest=4096)
    if request.working_dir and not request.working_dir.startswith("/"):
        raise Invalid(f"the working directory {shown(request.working_dir)} is invalid, it needs to be an absolute path")
    # values may have several lines: certificates in variables, scripts as arguments
    check_arguments("Env", request.env)
    for name in ("cmd", "entrypoint"):
        check_arguments(pascal(name), _words(getattr(request, name)) or ())
    _check_environment(request.env)
    check_arguments("Shell", request.shell)
    check_mapping("Labels", request.labels, lines=True)
    check_texts("OnBuild", request.on_build, lines=True)
    for name in ("volumes", "exposed_ports"):
        if len(getattr(request, name)) > MOST_ITEMS:
            raise Invalid(f"{pascal(name)}: more than {MOST_ITEMS} entries")
    if request.stop_timeout is not None and not -1 <= request.stop_timeout < 2**31:
        raise Invalid(f"StopTimeout: {request.stop_timeout} is out of range")
    if request.healthcheck:
        _check_healthcheck(request.healthcheck)


def _check_environment(entries: list[str]) -> None:
    for entry in entries:
        if not entry.partition("=")[0]:
            raise Invalid(f"Env: invalid environment variable: {shown(entry)}")
        check_text("Env", entry.partition("=")[0])


def _check_healthcheck(check: HealthcheckJson) -> None:
    check_arguments("Healthcheck.Test", check.test)
    if check.test and check.test[0] not in ("NONE", "CMD", "CMD-SHELL"):
        raise Invalid(f"Healthcheck.Test: must begin with NONE, CMD or CMD-SHELL, not {shown(check.test[0])}")
    if check.test and check.test[0] != "NONE" and len(check.test) == 1:
        raise Invalid(f"Healthcheck.Test: {check.test[0]} wants to be followed by what to run")
    for name in ("interval", "timeout", "start_period", "start_interval"):
        if getattr(check, name) != 0 and not _LEAST_HEALTH_NS <= getattr(check, name) < 2**63:
            raise Invalid(f"{pascal(name)} in Healthcheck cannot be less than 1ms")
    if not 0 <= check.retries < 2**31:
        raise Invalid(f"Retries in Healthcheck cannot be negative or {2**31} and more")


def _words(given: str | list[str] | None) -> tuple[str, ...] | None:
    """Docker takes one string for a list of one (api/types/strslice)."""
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)
