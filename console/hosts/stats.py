"""What containers use, by ``GET /containers/{id}/stats``: Docker's counters as our own type, and use between two.

Percent and bytes are those that ``docker stats`` prints (docker/cli, cli/command/container/stats_helpers.go): a
processor that is busy counts 100, and what the kernel could drop of the page cache is no use of memory.
"""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, cast

from django.utils.translation import gettext as _

from console.hosts.gateway import Engine
from console.operations.errors import Invalid

NEVER = "0001-01-01"
CURSOR = re.compile(r"[0-9a-f]{1,11}(\.[0-9a-f]{1,16}){6}")


@dataclass(frozen=True, slots=True)
class Counters:
    """At one moment. Those of time, network and disk grow from the container's start."""

    at_ms: int
    cpu_ns: int
    system_ns: int
    cpus: int
    memory_bytes: int
    memory_limit_bytes: int
    rx_bytes: int
    tx_bytes: int
    read_bytes: int
    write_bytes: int
    pids: int

    @property
    def cursor(self) -> str:
        """As a place in the samples that a reader may go on from: what rates need, in hexadecimal, by points."""
        io = (self.rx_bytes, self.tx_bytes, self.read_bytes, self.write_bytes)
        return ".".join(f"{number:x}" for number in (self.at_ms, self.cpu_ns, self.system_ns, *io))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of what a cursor keeps; the rest is 0. Invalid for what ``cursor`` never gave."""
        if not CURSOR.fullmatch(text):
            raise Invalid(_("“%(text)s” is no cursor of samples.") % {"text": text[:40]}, field="since")
        at_ms, cpu_ns, system_ns, rx, tx, read, write = (int(word, 16) for word in text.split("."))
        return cls(at_ms, cpu_ns, system_ns, 1, 0, 0, rx, tx, read, write, 0)


@dataclass(frozen=True, slots=True)
class Use:
    """``None`` where only two moments would tell. Rates are bytes per second."""

    at_ms: int
    cpu_percent: float | None
    memory_bytes: int
    memory_limit_bytes: int
    rx: float | None
    tx: float | None
    read: float | None
    write: float | None
    pids: int

    def as_list(self) -> list[float | int | None]:
        """Without the time, rounded: how it travels."""
        rates = [self.cpu_percent, self.rx, self.tx, self.read, self.write]
        cpu, *io = [None if rate is None else round(rate, 2) for rate in rates]
        return [cpu, self.memory_bytes, self.memory_limit_bytes, *io, self.pids]


def counters(document: Mapping[str, Any]) -> Counters | None:
    """None while it does not run."""
    read = str(document.get("read") or NEVER)
    cpu, memory = document.get("cpu_stats") or {}, document.get("memory_stats") or {}
    if read.startswith(NEVER) or not cpu.get("system_cpu_usage"):
        return None
    usage = cpu.get("cpu_usage") or {}
    networks = (document.get("networks") or {}).values()
    return Counters(
        at_ms=int(datetime.fromisoformat(read).timestamp() * 1000),
        cpu_ns=int(usage.get("total_usage") or 0),
        system_ns=int(cpu["system_cpu_usage"]),
        cpus=int(cpu.get("online_cpus") or len(usage.get("percpu_usage") or ()) or 1),
        memory_bytes=_working_set(memory),
        memory_limit_bytes=int(memory.get("limit") or 0),
        rx_bytes=sum(int(one.get("rx_bytes") or 0) for one in networks),
        tx_bytes=sum(int(one.get("tx_bytes") or 0) for one in networks),
        read_bytes=_transferred(document, "r"),
        write_bytes=_transferred(document, "w"),
        pids=int((document.get("pids_stats") or {}).get("current") or 0),
    )


def use_between(before: Counters | None, now: Counters) -> Use:
    """Use since ``before``. A container that was started anew meanwhile counts from 0 again: then there is no rate."""
    known = before is not None and before.at_ms < now.at_ms and before.cpu_ns <= now.cpu_ns

    def rate(earlier: int, later: int) -> float | None:
        if before is None or not known or later < earlier:
            return None
        return (later - earlier) * 1000 / (now.at_ms - before.at_ms)

    first = before or now
    return Use(
        at_ms=now.at_ms,
        cpu_percent=_cpu_percent(first, now) if known else None,
        memory_bytes=now.memory_bytes,
        memory_limit_bytes=now.memory_limit_bytes,
        rx=rate(first.rx_bytes, now.rx_bytes),
        tx=rate(first.tx_bytes, now.tx_bytes),
        read=rate(first.read_bytes, now.read_bytes),
        write=rate(first.write_bytes, now.write_bytes),
        pids=now.pids,
    )


async def read_counters(engine: Engine, engine_id: str) -> Counters | None:
    """Of this moment, at once. Missing when there is no such container."""
    document = await engine.json(f"containers/{engine_id}/stats", params={"stream": "0", "one-shot": "1"})
    return counters(document or {})


async def follow_counters(engine: Engine, engine_id: str) -> AsyncGenerator[Counters | None, None]:
    """About once a second, None while it does not run. Ends when the container is removed."""
    messages = cast("AsyncGenerator[dict[str, Any], None]", engine.lines(f"containers/{engine_id}/stats"))
    async with aclosing(messages):
        async for message in messages:
            yield counters(message)


def _cpu_percent(before: Counters, now: Counters) -> float | None:
    of_all = now.system_ns - before.system_ns
    return (now.cpu_ns - before.cpu_ns) / of_all * now.cpus * 100 if of_all > 0 else None


def _working_set(memory: Mapping[str, Any]) -> int:
    """Version 1 of control groups counts the whole tree as ``total_inactive_file``, version 2 has no such word."""
    usage, details = int(memory.get("usage") or 0), memory.get("stats") or {}
    cached = int(details.get("total_inactive_file", details.get("inactive_file")) or 0)
    return usage - cached if cached < usage else usage


def _transferred(document: Mapping[str, Any], letter: str) -> int:
    """Version 1 says "Read", version 2 "read"; "Total" and the others are sums of the same."""
    entries = (document.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    return sum(int(entry.get("value") or 0) for entry in entries if str(entry.get("op"))[:1].lower() == letter)
