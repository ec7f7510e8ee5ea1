"""What is known of a host, as its agent reports it."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from console.hosts.changes import tell
from console.hosts.models import Host
from console.hosts.queries import present_hosts
from console.operations.actor import Actor
from console.operations.happenings import EventKind, Happening, happened
from console.operations.runner import observation, publish_on_commit


def register_host(name: str, address: str) -> Host:
    """Make the host known, or correct its address. Safe to repeat."""
    with observation(Actor.system()):
        host, _ = Host.objects.update_or_create(name=name, defaults={"address": address})
    return host


def host_seen(name: str, *, at: datetime, info: dict[str, Any]) -> None:
    _note(name, state=Host.State.REACHABLE, last_seen_at=at, info=info, error="")


def host_unreachable(name: str, *, reason: str) -> None:
    """The agent is there but its engine does not answer. ``last_seen_at`` stays: it dates what we still show."""
    _note(name, state=Host.State.UNREACHABLE, error=reason[:2000])


def _note(name: str, **facts: Any) -> None:
    with observation(Actor.host(name)):
        host = Host.objects.filter(name=name).first()
        if host is None:
            return
        changed = host.state != facts["state"]
        for key, value in facts.items():
            setattr(host, key, value)
        tell_if_changed(host)
        # the other columns are written by others meanwhile
        host.save(update_fields=[*facts, "lost_at"])
        if changed:
            publish_on_commit("rows.hosts", {"name": name})


def note_lost_hosts() -> None:
    """A host that says nothing any more is found by looking."""
    for host in present_hosts().filter(lost_at=None).exclude(last_seen_at=None):
        if host.is_stale:
            with observation(Actor.system("hosts")):
                host = host.locked()
                tell_if_changed(host)
                host.save(update_fields=["lost_at"])
                publish_on_commit("rows.hosts", {"name": host.name})


def tell_if_changed(host: Host) -> None:
    """That it is lost, and that it is back. One that was never seen is awaited, not lost."""
    if host.last_seen_at is None or host.is_stale == (host.lost_at is not None):
        return
    kind = EventKind.HOST_LOST if host.is_stale else EventKind.HOST_BACK
    host.lost_at = timezone.now() if host.is_stale else None
    tell(host)
    happened(
        Happening(
            kind,
            about=f"host:{host.pk}",
            name=host.name,
            place=host.place,
            details={"reason": host.error},
        )
    )
