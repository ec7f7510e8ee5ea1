"""``POST /build``: what the query says about a build. Every parameter Docker has is either used or refused by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from engine.model.errors import Invalid, Unsupported
from engine.model.platform import Platform
from engine.model.registry import find_address
from engine.model.resources import Resources
from engine.wire.json_body import parse_object
from engine.wire.query import Query
from engine.wire.resources import ResourcesJson, UlimitJson, asked_resources, check_limits, with_default_swap
from engine.wire.text import check_text, shown

_BUILDKIT = (
    "BuildKit is not supported by this engine: set DOCKER_BUILDKIT=0, so that `docker build` uses the classic builder"
)
# Docker's parameters that this engine cannot do, with the values that ask for nothing.
_REFUSED: Final = {
    "cgroupparent": ("",),
    "isolation": ("", "default"),
    "outputs": ("", "[]", "null"),
    "securityopt": ("", "[]", "null"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildQuery:
    """The parameters, checked one by one."""

    tags: Sequence[str]
    dockerfile: str
    target: str
    remote: str
    platform: Platform | None
    build_args: dict[str, str | None]
    labels: dict[str, str]
    cache_from: tuple[str, ...]
    no_cache: bool
    pull: bool
    quiet: bool
    squash: bool
    remove_intermediate: bool
    force_remove: bool
    network_mode: str
    extra_hosts: tuple[str, ...]
    shm_size_bytes: int
    resources: Resources


def decode_build(query: Query, *, tags: Sequence[str], extra_hosts: Sequence[str] = ()) -> BuildQuery:
    """``tags`` and ``extra_hosts`` are the values of the repeated ``t`` and ``extrahosts``.

    Raises Invalid or Unsupported, naming the parameter.
    """
    if query.text("version") == "2" or query.text("session"):
        raise Unsupported(_BUILDKIT)
    if query.text("version") not in ("", "1"):
        raise Invalid(f"version: {shown(query.text('version'))} is not a builder version")
    for name, harmless in _REFUSED.items():
        if query.text(name) not in harmless:
            raise Unsupported(f"{name} is not supported by this engine; leave it out")
    platform = query.text("platform")
    return BuildQuery(
        tags=[check_text("t", tag, longest=4096) for tag in tags],
        dockerfile=query.text("dockerfile", "Dockerfile"),
        target=query.text("target", longest=255),
        remote=query.text("remote"),
        platform=Platform.parse(platform) if platform else None,
        build_args=query.nullable_map("buildargs"),
        labels=query.string_map("labels"),
        cache_from=query.string_list("cachefrom"),
        no_cache=query.flag("nocache"),
        pull=query.flag("pull"),
        quiet=query.flag("q"),
        squash=query.flag("squash"),
        remove_intermediate=query.flag("rm", default=True),
        force_remove=query.flag("forcerm"),
        network_mode=query.text("networkmode", longest=255),
        extra_hosts=_extra_hosts(extra_hosts, query),
        shm_size_bytes=query.number("shmsize", least=0),
        resources=_resources(query),
    )


def _resources(query: Query) -> Resources:
    """By the rules for containers. Raises Invalid."""
    given = ResourcesJson(
        memory=query.number("memory", least=0),
        memory_swap=query.number("memswap"),
        cpu_shares=query.number("cpushares", least=0),
        cpu_period=query.number("cpuperiod", least=0),
        cpu_quota=query.number("cpuquota"),
        cpuset_cpus=query.text("cpusetcpus", longest=255),
        cpuset_mems=query.text("cpusetmems", longest=255),
        ulimits=_ulimits(query.text("ulimits", longest=64 << 10)),
    )
    resources = asked_resources(given, path="")
    check_limits(resources)
    return with_default_swap(resources)


def _ulimits(text: str) -> list[UlimitJson]:
    """A JSON list as in ``HostConfig.Ulimits``."""
    if text in ("", "null"):
        return []
    try:
        parse_object(b'{"list": %s}' % text.encode("utf-8", "surrogatepass"))  # its rules: not too deep
        return msgspec.json.decode(text, type=list[UlimitJson])
    except (Invalid, msgspec.MsgspecError) as error:
        raise Invalid(f"ulimits: {error}") from error


def _extra_hosts(given: Sequence[str], query: Query) -> tuple[str, ...]:
    """One value for each host, as Docker's clients send them; also a JSON list, and names with commas between."""
    is_list = len(given) == 1 and (given[0].startswith("[") or given[0] == "null")
    words = query.string_list("extrahosts") if is_list else [word for text in given for word in text.split(",")]
    entries = [check_text("extrahosts", word, longest=4096) for word in words if word]
    for entry in entries:
        name, colon, address = entry.replace("=", ":", 1).partition(":")
        if not name or not colon or not (address == "host-gateway" or find_address(address.strip("[]"))):
            raise Invalid(f"extrahosts: bad format for add-host: {shown(entry)}: expected NAME:ADDRESS")
    return tuple(entry.replace("=", ":", 1) for entry in entries)
