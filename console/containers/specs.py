"""The specification that a job's arguments mean: what is judged is what is sent."""

from collections.abc import Mapping
from typing import Any

from console.hosts.gateway import PortBinding, RunSpec


def spec_of(args: Mapping[str, Any], *, labels: Mapping[str, str] | None = None) -> RunSpec:
    return RunSpec(
        image=args["image"],
        command=args["command"],
        env=args["env"],
        ports=[PortBinding(**port) for port in args["ports"]],
        labels=labels or {},
        memory_bytes=args["memory_bytes"],
        cpus=args["cpus"],
    )
