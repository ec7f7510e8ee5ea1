"""To the ``docker run`` that makes the same container."""

import shlex
from collections.abc import Iterator
from typing import Any

from console.containers.ports import PublishedPort
from console.containers.specs.flags import FLAGS, Takes
from console.containers.specs.spec import ContainerSpec, Join, MountKind, is_asked
from console.containers.specs.texts import cpus_text, duration_text, join_text, mount_text, size_text

WIDE = 100


def run_words(spec: ContainerSpec, *, name: str = "") -> list[str]:
    return [word for part in _parts(spec, name) for word in part]


def run_line(spec: ContainerSpec, *, name: str = "") -> str:
    """For a shell; a long one goes over several lines, a flag in each."""
    parts = [shlex.join(part) for part in _parts(spec, name)]
    line = " ".join(parts)
    return line if len(line) <= WIDE else " \\\n  ".join(parts)


def _parts(spec: ContainerSpec, name: str) -> Iterator[list[str]]:
    yield ["docker", "run", "-d"]
    if name:
        yield ["--name", name]
    for port in spec.ports:
        yield ["-p", _port(port)]
    yield from _mounts(spec)
    yield from _networks(spec)
    for flag in FLAGS:
        value = getattr(spec, flag.field)
        if is_asked(flag.field, value):
            yield from ([f"--{flag.long}", *words] for words in _values(flag.takes, value))
    yield [spec.image, *spec.command]


def _values(takes: Takes, value: Any) -> list[list[str]]:
    match takes:
        case Takes.NOTHING:
            return [[]]
        case Takes.WORDS:
            return [[word] for word in value]
        case Takes.PAIRS:
            return [[f"{name}={one}"] for name, one in value.items()]
        case Takes.SIZE:
            return [[size_text(value)]]
        case Takes.DURATION:
            return [[duration_text(value)]]
        case Takes.CPUS:
            return [[cpus_text(value)]]
    return [[str(value)]]


def _port(port: PublishedPort) -> str:
    protocol = "" if port.protocol == "tcp" else f"/{port.protocol}"
    if not port.host_address:
        return (f"{port.host_port}:" if port.host_port else "") + f"{port.container_port}{protocol}"
    return port.text


def _mounts(spec: ContainerSpec) -> Iterator[list[str]]:
    for mount in spec.mounts:
        text = mount_text(mount)
        if mount.strict:
            yield ["--mount", text]
        elif mount.kind is MountKind.TMPFS:
            yield ["--tmpfs", text.partition(":")[2]]
        else:
            yield ["-v", text]


def _networks(spec: ContainerSpec) -> Iterator[list[str]]:
    if len(spec.networks) != 1:
        for join in spec.networks:
            yield ["--network", join_text(join)]
        return
    join = spec.networks[0]
    yield ["--network", join_text(Join(join.name))]
    yield from (["--network-alias", alias] for alias in join.aliases)
    yield from ([flag, address] for flag, address in (("--ip", join.ipv4), ("--ip6", join.ipv6)) if address)
