"""``--change`` of ``docker import`` and ``docker commit``: single Dockerfile instructions that alter a configuration.

No variables, no continuation lines: a small grammar of its own, beside the builder's.
"""

import json
import posixpath
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from engine.model.errors import Invalid
from engine.model.image import ImageConfig
from engine.model.ports import Port, Protocol

_SHELL = ("/bin/sh", "-c")


def apply_changes(config: ImageConfig, changes: Sequence[str]) -> ImageConfig:
    """``config`` after ``changes``, in order. Raises Invalid, naming the change.

    A command belongs to its entrypoint: a new entrypoint drops the old command, but not one that ``changes`` set.
    """
    has_command = False
    for change in changes:
        name, _, rest = change.strip().partition(" ")
        apply = _CHANGES.get(name.upper())
        if apply is None:
            raise Invalid(f"{name[:80]} is not a valid change command; allowed are {', '.join(sorted(_CHANGES))}")
        if not rest.strip():
            raise Invalid(f"{name.upper()} requires at least one argument")
        try:
            config = apply(config, rest.strip())
        except ValueError as error:  # shlex and json
            raise Invalid(f"change {change[:80]!r}: {error}") from error
        has_command = has_command or name.upper() == "CMD"
        if name.upper() == "ENTRYPOINT" and not has_command:
            config = replace(config, cmd=None)
    return config


def _cmd(config: ImageConfig, text: str) -> ImageConfig:
    return replace(config, cmd=_command(config, text))


def _entrypoint(config: ImageConfig, text: str) -> ImageConfig:
    return replace(config, entrypoint=_command(config, text))


def _env(config: ImageConfig, text: str) -> ImageConfig:
    merged = dict(variable.partition("=")[::2] for variable in config.env)
    merged.update(_pairs(text))
    return replace(config, env=tuple(f"{name}={value}" for name, value in merged.items()))


def _label(config: ImageConfig, text: str) -> ImageConfig:
    return replace(config, labels={**config.labels, **_pairs(text)})


def _expose(config: ImageConfig, text: str) -> ImageConfig:
    ports = {port for word in shlex.split(text) for port in _ports(word)}
    return replace(config, exposed_ports=config.exposed_ports | ports)


def _user(config: ImageConfig, text: str) -> ImageConfig:
    return replace(config, user=text)


def _working_directory(config: ImageConfig, text: str) -> ImageConfig:
    return replace(config, working_dir=posixpath.normpath(posixpath.join("/", config.working_dir, text)))


def _volume(config: ImageConfig, text: str) -> ImageConfig:
    paths = _words(text) if text.startswith("[") else tuple(shlex.split(text))
    if not all(path.strip() for path in paths):
        raise Invalid("VOLUME specified can not be an empty string")
    return replace(config, volumes=config.volumes | set(paths))


def _on_build(config: ImageConfig, text: str) -> ImageConfig:
    instruction = text.partition(" ")[0].upper()
    if instruction in ("ONBUILD", "FROM", "MAINTAINER"):
        raise Invalid(f"{instruction} isn't allowed as an ONBUILD trigger")
    return replace(config, on_build=(*config.on_build, text))


def _stop_signal(config: ImageConfig, text: str) -> ImageConfig:
    return replace(config, stop_signal=text)


_CHANGES: Mapping[str, Callable[[ImageConfig, str], ImageConfig]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "LABEL": _label,
    "ONBUILD": _on_build,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _working_directory,
}


def _command(config: ImageConfig, text: str) -> tuple[str, ...]:
    """A JSON list is taken as it is; anything else is for the shell."""
    if text.startswith("["):
        try:
            return _words(text)
        except ValueError:
            pass  # Docker, too, hands a list that is not JSON to the shell
    return (*(config.shell or _SHELL), text)


def _words(text: str) -> tuple[str, ...]:
    words = json.loads(text)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError("expected a JSON list of strings")
    return tuple(words)


def _pairs(text: str) -> dict[str, str]:
    """``name=value …`` with quotes, or the older ``name value``."""
    words = shlex.split(text)
    if "=" not in words[0]:
        name, _, value = text.partition(" ")
        if not value:
            raise ValueError(f"{name!r} must have two arguments or be name=value")
        return {name: value.strip()}
    pairs = [word.partition("=") for word in words]
    if not all(name and equals for name, equals, _ in pairs):
        raise ValueError("expected name=value")
    return {name: value for name, _, value in pairs}


def _ports(word: str) -> list[Port]:
    numbers, _, protocol = word.partition("/")
    first, dash, last = numbers.partition("-")
    lowest = Port.parse(f"{first}/{protocol or Protocol.TCP}")
    highest = Port.parse(f"{last}/{protocol or Protocol.TCP}") if dash else lowest
    if highest.number < lowest.number:
        raise Invalid(f"invalid port range {word[:80]!r}")
    return [Port(number, lowest.protocol) for number in range(lowest.number, highest.number + 1)]
