"""The containers a host has, as its agent reports them."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from console.containers.models import Container
from console.hosts.facts import ContainerFact
from console.hosts.models import Host
from console.jobs.facts import Fact, observes
from console.operations.actor import Actor
from console.operations.runner import observation, publish_on_commit


@observes("host.inventory")
def containers_seen(host_name: str, fact: Fact) -> None:
    """Rows as the host has them. The row of one that is gone stays, dated: its jobs and audit rows lead there."""
    seen = {entry["engine_id"]: ContainerFact.from_json(entry) for entry in fact["containers"]}
    now = timezone.now()
    with observation(Actor.host(host_name)):
        host = Host.objects.filter(name=host_name).first()
        if host is None:
            return
        rows = Container.objects.filter(host=host)
        known = {row.engine_id: row for row in rows.filter(engine_id__in=list(seen))}
        changed = False
        for engine_id, container_fact in seen.items():
            values = _values(container_fact)
            row = known.get(engine_id) or Container(host=host, engine_id=engine_id)
            if row.pk and all(getattr(row, name) == value for name, value in values.items()):
                continue
            for name, value in values.items():
                setattr(row, name, value)
            row.seen_at = now
            row.save()
            changed = True
        gone = rows.filter(gone_at=None).exclude(engine_id__in=list(seen)).update(gone_at=now)
        if changed or gone:
            publish_on_commit("rows.containers", {"host": host_name})


def _values(fact: ContainerFact) -> dict[str, Any]:
    return {
        "name": fact.name,
        "image": fact.image,
        "image_engine_id": fact.image_engine_id,
        "command": fact.command,
        "state": fact.state,
        "exit_code": fact.exit_code,
        "ports": fact.ports,
        "labels": fact.labels,
        "memory_bytes": fact.memory_bytes,
        "cpus": fact.cpus,
        "has_tty": fact.has_tty,
        "created_at": datetime.fromisoformat(fact.created_at),
        "started_at": _time(fact.started_at),
        "finished_at": _time(fact.finished_at),
        "gone_at": None,
    }


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
