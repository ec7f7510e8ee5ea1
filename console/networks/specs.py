"""A network as a job's arguments describe it. Pure; console and agent read it alike."""

from collections.abc import Mapping
from typing import Any

from console.hosts.wires import NetworkSpec


def spec_of(args: Mapping[str, Any], *, labels: Mapping[str, str] | None = None) -> NetworkSpec:
    """``labels`` are ours, beside those that were asked for."""
    return NetworkSpec(
        name=args["name"],
        driver=args["driver"],
        is_internal=bool(args["is_internal"]),
        is_attachable=bool(args["is_attachable"]),
        has_ipv6=bool(args["has_ipv6"]),
        subnets=args["subnets"],
        options=args["options"],
        labels={**args["labels"], **(labels or {})},
    )
