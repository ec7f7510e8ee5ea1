"""``POST /build``: what the query says about a build. Every parameter Docker has is either used or refused by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine.model.errors import Invalid, Unsupported
from engine.model.platform import Platform
from engine.model.resources import Resources
from engine.wire.query import Query
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
    "ulimits": ("", "[]", "null"),
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


def decode_build(query: Query, *, tags: Sequence[str]) -> BuildQuery:
    """``tags`` are the values of the repeated ``t``. Raises Invalid or Unsupported, naming the parameter."""
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
        extra_hosts=_extra_hosts(query.text("extrahosts", longest=64 << 10), query),
        shm_size_bytes=query.number("shmsize", least=0),
        resources=Resources(
            memory_bytes=query.number("memory", least=0),
            memory_swap_bytes=query.number("memswap"),
            cpu_shares=query.number("cpushares", least=0),
            cpu_period_us=query.number("cpuperiod", least=0),
            cpu_quota_us=query.number("cpuquota"),
            cpuset_cpus=query.text("cpusetcpus", longest=255),
            cpuset_mems=query.text("cpusetmems", longest=255),
        ),
    )


def _extra_hosts(text: str, query: Query) -> tuple[str, ...]:
    """A JSON list from the docker CLI, comma separated names from others."""
    if text.startswith("[") or text == "null":
        return query.string_list("extrahosts")
    return tuple(entry for entry in text.split(",") if entry)
