"""What of a container can be changed as it runs, in Docker's words for it. Pure."""

from typing import Any

from console.containers.specs.docker import HOST, as_docker
from console.containers.specs.spec import ContainerSpec

LIMITS = (
    "memory_bytes",
    "memory_reservation_bytes",
    "memory_swap_bytes",
    "cpus",
    "cpu_shares",
    "cpuset_cpus",
    "cpuset_mems",
    "pids_limit",
    "blkio_weight",
    "restart",
)
MEMBERS = {**HOST, "cpus": "NanoCpus", "restart": "RestartPolicy"}


def limits_of(spec: ContainerSpec) -> dict[str, Any]:
    """The body of ``POST /containers/{id}/update`` with all of the specification's limits. Engines look at memory and
    swap together, so with memory goes what swap is where nobody has asked: as much again.
    """
    host = as_docker(spec)["HostConfig"]
    body = {MEMBERS[name]: host[MEMBERS[name]] for name in LIMITS if MEMBERS[name] in host}
    if spec.memory_bytes and not spec.memory_swap_bytes:
        body["MemorySwap"] = 2 * spec.memory_bytes
    return body
