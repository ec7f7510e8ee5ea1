"""Instructions that change nothing but an image's configuration, applied to it. Pure."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch

from engine.build import instructions as i
from engine.build.created_by import healthcheck_text, nop, plain_list, quoted_list, shell_of
from engine.build.expansion import expand, expand_words
from engine.build.words import Pair
from engine.containers.signals import parse_signal
from engine.model.errors import Invalid
from engine.model.image import Healthcheck, ImageConfig
from engine.model.ports import Port, Protocol

_MOST_PORTS = 65535


@dataclass(frozen=True, slots=True)
class Setting:
    """What a configuring instruction works on, and the variables it may use.

    ``is_cmd_set``: by this Dockerfile, not inherited.
    """

    config: ImageConfig
    author: str = ""
    is_cmd_set: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    escape: str = "\\"

    def expanded(self, text: str) -> str:
        return expand(text, self.variables, escape=self.escape)

    def expanded_words(self, text: str) -> list[str]:
        return expand_words(text, self.variables, escape=self.escape)


@dataclass(frozen=True, slots=True)
class Configured:
    """``what`` tells history what was done, in the words of ``created_by``."""

    setting: Setting
    what: str

    @property
    def created_by(self) -> str:
        return nop(self.setting.config, self.what)


def environment(config: ImageConfig) -> dict[str, str]:
    """``env`` as a mapping; of a repeated name the last counts."""
    return {name: value for name, _, value in (entry.partition("=") for entry in config.env)}


def command_words(command: i.Command, config: ImageConfig) -> tuple[str, ...]:
    """What is executed: the shell form gets the shell in front."""
    return (*shell_of(config), *command.words) if command.is_shell else command.words


@singledispatch
def configure(instruction: i.Instruction, _setting: Setting) -> Configured:
    """Raises Invalid; TypeError for an instruction that does more than configure."""
    raise TypeError(f"{type(instruction).__name__} does not only configure")


def _with(setting: Setting, config: ImageConfig, what: str) -> Configured:
    return Configured(replace(setting, config=config), what)


@configure.register
def _env(instruction: i.Env, setting: Setting) -> Configured:
    pairs = [Pair(setting.expanded(pair.name), setting.expanded(pair.value)) for pair in instruction.pairs]
    env = {entry.partition("=")[0]: entry for entry in setting.config.env}
    for pair in pairs:
        if not pair.name:
            raise Invalid("ENV names can not be blank")
        env[pair.name] = str(pair)
    return _with(setting, replace(setting.config, env=tuple(env.values())), _listed("ENV", pairs))


@configure.register
def _label(instruction: i.Label, setting: Setting) -> Configured:
    pairs = list(instruction.pairs)
    if not instruction.is_literal:
        pairs = [Pair(setting.expanded(pair.name), setting.expanded(pair.value)) for pair in pairs]
    labels = {**setting.config.labels, **{pair.name: pair.value for pair in pairs}}
    return _with(setting, replace(setting.config, labels=labels), _listed("LABEL", pairs))


def _listed(name: str, pairs: list[Pair]) -> str:
    return " ".join([name, *map(str, pairs)])


@configure.register
def _cmd(instruction: i.Cmd, setting: Setting) -> Configured:
    argv = command_words(instruction.command, setting.config)
    changed = replace(setting, is_cmd_set=True, config=replace(setting.config, cmd=argv))
    return Configured(changed, f"CMD {quoted_list(argv)}")


@configure.register
def _entrypoint(instruction: i.Entrypoint, setting: Setting) -> Configured:
    argv = command_words(instruction.command, setting.config)
    # an inherited CMD was meant for the inherited entrypoint
    cmd = setting.config.cmd if setting.is_cmd_set else None
    config = replace(setting.config, entrypoint=argv or None, cmd=cmd)
    return _with(setting, config, f"ENTRYPOINT {quoted_list(argv)}")


@configure.register
def _user(instruction: i.User, setting: Setting) -> Configured:
    user = setting.expanded(instruction.user)
    return _with(setting, replace(setting.config, user=user), f"USER {user}")


@configure.register
def _volume(instruction: i.Volume, setting: Setting) -> Configured:
    paths = [setting.expanded(path).strip() for path in instruction.paths]
    if not all(paths):
        raise Invalid("VOLUME specified can not be an empty string")
    config = replace(setting.config, volumes=setting.config.volumes | set(paths))
    return _with(setting, config, f"VOLUME {plain_list(paths)}")


@configure.register
def _stop_signal(instruction: i.StopSignal, setting: Setting) -> Configured:
    signal = setting.expanded(instruction.signal)
    parse_signal(signal)
    return _with(setting, replace(setting.config, stop_signal=signal), f"STOPSIGNAL {signal}")


@configure.register
def _shell(instruction: i.Shell, setting: Setting) -> Configured:
    return _with(setting, replace(setting.config, shell=instruction.words), f"SHELL {plain_list(instruction.words)}")


@configure.register
def _maintainer(instruction: i.Maintainer, setting: Setting) -> Configured:
    return Configured(replace(setting, author=instruction.author), f"MAINTAINER {instruction.author}")


@configure.register
def _on_build(instruction: i.OnBuild, setting: Setting) -> Configured:
    config = replace(setting.config, on_build=(*setting.config.on_build, instruction.trigger))
    return _with(setting, config, f"ONBUILD {instruction.trigger}")


@configure.register
def _healthcheck(instruction: i.HealthcheckInstruction, setting: Setting) -> Configured:
    healthcheck = Healthcheck(test=("NONE",))
    if instruction.command is not None:
        kind = "CMD-SHELL" if instruction.command.is_shell else "CMD"
        times = instruction.times_ns
        healthcheck = Healthcheck(
            test=(kind, *instruction.command.words),
            interval_ns=times.get("interval", 0),
            timeout_ns=times.get("timeout", 0),
            start_period_ns=times.get("start-period", 0),
            start_interval_ns=times.get("start-interval", 0),
            retries=instruction.retries,
        )
    config = replace(setting.config, healthcheck=healthcheck)
    return _with(setting, config, f"HEALTHCHECK {healthcheck_text(healthcheck)}")


@configure.register
def _expose(instruction: i.Expose, setting: Setting) -> Configured:
    specs = sorted(spec for port in instruction.ports for spec in setting.expanded_words(port))
    ports = frozenset(port for spec in specs for port in exposed_ports(spec))
    if len(ports) > _MOST_PORTS:
        raise Invalid(f"EXPOSE names more than {_MOST_PORTS} ports")
    config = replace(setting.config, exposed_ports=setting.config.exposed_ports | ports)
    return _with(setting, config, " ".join(["EXPOSE", *specs]))


def exposed_ports(spec: str) -> list[Port]:
    """``80``, ``80/udp``, ``80-90``; of ``8080:80`` the container's side. Raises Invalid in Docker's words."""
    numbers, _, protocol = spec.rpartition(":")[2].partition("/")
    if protocol.lower() not in ("", *Protocol):
        raise Invalid(f"Invalid proto: {protocol[:80]}")
    first, dash, last = numbers.partition("-")
    low = _port_number(first, numbers)
    high = _port_number(last, numbers) if dash else low
    if high < low:
        raise Invalid(f"Invalid range specified for the Port: {numbers[:80]}")
    kind = Protocol(protocol.lower() or "tcp")
    return [Port(number, kind) for number in range(low, high + 1)]


def _port_number(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise Invalid(f"Invalid containerPort: {whole[:80]}")
    return int(text)


def working_directory(path: str, config: ImageConfig) -> str:
    """The absolute directory WORKDIR ``path`` means."""
    if not path:
        raise Invalid("WORKDIR requires exactly one argument")
    joined = posixpath.normpath(posixpath.join("/", config.working_dir, path))
    return "/" + joined.lstrip("/")
