"""As a form holds it: a line of text for each entry, sizes and times in words. And back."""

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from console.containers.specs.flags import FLAGS, Takes
from console.containers.specs.spec import ContainerSpec, is_asked, plain
from console.containers.specs.texts import (
    cpus_text,
    duration_text,
    join_text,
    mount_text,
    pairs_text,
    read_duration,
    read_join,
    read_mount,
    read_pairs,
    read_size,
    size_text,
)

# "" is "the image's own" in a form, so the entrypoint that takes it away has a word of its own
NO_ENTRYPOINT = "none"
WRITE: Mapping[Takes, Callable[[Any], Any]] = {
    Takes.WORDS: "\n".join,
    Takes.PAIRS: pairs_text,
    Takes.SIZE: size_text,
    Takes.DURATION: duration_text,
    Takes.CPUS: cpus_text,
}
READ: Mapping[Takes, Callable[[str, str], Any]] = {
    Takes.WORDS: lambda text, _name: tuple(_lines(text)),
    Takes.PAIRS: lambda text, name: read_pairs(text, field=name),
    Takes.SIZE: lambda text, name: -1 if text.strip() == "-1" else read_size(text, field=name),
    Takes.DURATION: lambda text, name: read_duration(text, field=name),
}


def inputs_of(spec: ContainerSpec) -> dict[str, Any]:
    """Fields that ask for nothing are empty, or not there."""
    found: dict[str, Any] = {
        "image": spec.image,
        "command": shlex.join(spec.command),
        "ports": "\n".join(port.text for port in spec.ports),
        "mounts": "\n".join(map(mount_text, spec.mounts)),
        "networks": "\n".join(map(join_text, spec.networks)),
        "env": "",
        "memory_bytes": "",
        "cpus": "",
    }
    for flag in FLAGS:
        value = getattr(spec, flag.field)
        if is_asked(flag.field, value):
            found[flag.field] = WRITE[flag.takes](value) if flag.takes in WRITE else value
    if spec.entrypoint == "":
        found["entrypoint"] = NO_ENTRYPOINT
    return found


def read_field(name: str, takes: Takes, text: str) -> Any:
    """What a form's text says; Invalid names the field."""
    if name == "entrypoint" and text == NO_ENTRYPOINT:
        return ""
    return READ[takes](text, name) if takes in READ else text


def read_lines(name: str, text: str) -> list[Any]:
    """Mounts and networks as JSON holds them, ports as words."""
    read: Callable[[str], Any] = {"mounts": read_mount, "networks": read_join}.get(name, str)
    return [plain(read(line)) for line in _lines(text)]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
