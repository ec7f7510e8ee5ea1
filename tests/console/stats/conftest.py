import time
from typing import Any

import pytest

from console.stats.latest import ContainerUse, HostUse, Latest, container_ring, host_ring, keep_latest
from tests.factories.console import make_host

USE = ContainerUse(12.5, 40e6, 256e6, 1000.0, 2000.0, 0.0, 4096.0, 7)
HOST_USE = HostUse(25.0, 4, 2e9, 8e9, 0.75, 40e9, 100e9, 60e9, 1e5, 2e5, 1, 1e9, 2e6, 3e6, 4e6)


@pytest.fixture
def engine_id() -> str:
    return "ab" * 32


def fact(**changes: Any) -> dict[str, Any]:
    """As an agent tells it just now."""
    host: dict[str, float | None] = {
        "cpu": 25.0,
        "cpus": 4,
        "memory": 2e9,
        "memory_total": 8e9,
        "load": 0.75,
        "disk": 40e9,
        "disk_total": 1e11,
    }
    host |= {"disk_free": 60e9, "rx": 1e5, "tx": None, "running": 1}
    uses = {"ab" * 32: [12.5, 40_000_000, 256_000_000, 1000.0, None, 0.0, 4096.0, 7]}
    return {"kind": "host.stats", "at": time.time(), "host": host, "containers": uses, **changes}


def measured(host_name: str, engine_ids: list[str], *, at_s: float | None = None, **host: Any) -> None:
    """The host has told of these containers; also of itself for the last half hour."""
    make_host(host_name)
    at_s = time.time() if at_s is None else at_s
    use = HostUse(**{**{name: getattr(HOST_USE, name) for name in HostUse.__dataclass_fields__}, **host})
    for before_s in range(1800, -1, -60):
        host_ring(host_name).add(int(at_s) - before_s, use.values)
    for engine_id in engine_ids:
        container_ring(host_name, engine_id).add(int(at_s), USE.values)
    keep_latest(host_name, Latest(at_s, use, dict.fromkeys(engine_ids, USE)))
