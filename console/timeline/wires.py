"""What engines tell of networks: made and removed, joined and left. Inside an observation.

Every start joins networks and every end leaves them: that is told with the start and the end, and not here.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from console.containers.models import Container
from console.hosts.events import EngineEvent
from console.hosts.models import Host
from console.networks.models import Network
from console.timeline.models import Change
from console.timeline.noting import Noted, note, time_of

Kind = Change.Kind
OF_THEMSELVES = {"create": Kind.NETWORK_CREATED, "destroy": Kind.NETWORK_REMOVED}
OF_MEMBERS = {"connect": Kind.CONNECTED, "disconnect": Kind.DISCONNECTED}
LIFE = (Kind.CREATED, Kind.STARTED, Kind.DIED, Kind.REMOVED)
# some engines take a container off its networks before they say that it has ended
AT_ITS_END = timedelta(seconds=5)


def take_network_event(host: Host, event: EngineEvent, containers: Mapping[str, Container]) -> None:
    """``containers`` by engine id: those that events are about, as far as they are known."""
    at, driver = time_of(event.at_ns), event.words.get("driver", "")
    if event.action in OF_THEMSELVES:
        details = {"driver": driver}
        noted = Noted(OF_THEMSELVES[event.action], at, event.subject, name=event.name, details=details)
        change = note(host, noted, container=None)
        network = Network.objects.filter(host=host, engine_id=event.subject).first()
        if change is not None and network is not None:
            change.workspace = network.workspace
            change.save(update_fields=["workspace"])
        return
    engine_id = event.words.get("container", "")
    row = containers.get(engine_id)
    if engine_id and _runs(host, engine_id, at, row):
        details = {"network": event.name, "network_id": event.subject[:12]}
        name = row.name if row is not None else ""
        noted = Noted(OF_MEMBERS[event.action], at, engine_id, name=name, details=details, word=event.subject)
        note(host, noted, container=row)


def forget_leaving(host: Host, engine_id: str, at: datetime) -> None:
    """It has ended ``at``: that it left its networks just before was a part of that."""
    left = Change.objects.filter(host=host, engine_id=engine_id, kind=Kind.DISCONNECTED)
    left.filter(at__gt=at - AT_ITS_END, at__lte=at).delete()


def _runs(host: Host, engine_id: str, at: datetime, row: Container | None) -> bool:
    latest = Change.objects.filter(host=host, engine_id=engine_id, kind__in=LIFE, at__lte=at).first()
    if latest is not None:
        return latest.kind == Kind.STARTED
    return row is not None and row.started_at is not None and row.started_at <= at and row.is_alive
