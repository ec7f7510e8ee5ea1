"""The inputs of an earlier job that ran a container, as the form has them."""

import shlex
from typing import Any

from console.containers.ports import PublishedPort
from console.jobs.models import Job

UNITS = (("g", 1024**3), ("m", 1024**2), ("k", 1024))


def run_again(job: Job | None, *, with_env: bool) -> dict[str, Any]:
    """Empty for what ran no container. ``with_env``: the person may see the values of its environment."""
    if job is None or job.kind != "container.run":
        return {}
    args = job.args
    again = {
        "host": job.host.name,
        "image": args["image"],
        "name": args["name"],
        "command": shlex.join(args["command"]),
        "env": "\n".join(f"{name}={value}" for name, value in args["env"].items()) if with_env else "",
        "ports": "\n".join(map(_written, args["ports"])),
        "memory_bytes": _size(args["memory_bytes"]),
        "cpus": args["cpus"] or "",
    }
    return again | ({"workspace": job.workspace.slug} if job.workspace else {})


def _written(facts: dict[str, Any]) -> str:
    port = PublishedPort(**facts)
    address = f"[{port.host_address}]" if ":" in port.host_address else port.host_address
    host_port = f"{port.host_port}:" if port.host_port else ":"
    return f"{address}:{host_port}{port.container_port}" + ("" if port.protocol == "tcp" else f"/{port.protocol}")


def _size(size_bytes: int) -> str:
    if not size_bytes:
        return ""
    return next((f"{size_bytes // size}{unit}" for unit, size in UNITS if size_bytes % size == 0), str(size_bytes))
