"""What an engine told of itself, as changes. Inside an observation."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from console.containers.models import Container
from console.containers.reasons import signal_name
from console.hosts.events import EngineEvent
from console.hosts.models import Host
from console.operations.runner import publish_on_commit
from console.timeline.models import Change
from console.timeline.noting import Noted, full_name, note, time_of
from console.timeline.wires import forget_leaving, take_network_event

Kind = Change.Kind
OF_CONTAINERS = {
    "create": Kind.CREATED,
    "start": Kind.STARTED,
    "die": Kind.DIED,
    "oom": Kind.OOM,
    "kill": Kind.KILLED,
    "stop": Kind.STOPPED,
    "pause": Kind.PAUSED,
    "unpause": Kind.UNPAUSED,
    "rename": Kind.RENAMED,
    "destroy": Kind.REMOVED,
    "health_status": Kind.HEALTH,
    "exec_start": Kind.EXEC,
}
OF_IMAGES = {
    "tag": Kind.TAGGED,
    "untag": Kind.UNTAGGED,
    "pull": Kind.PULLED,
    "delete": Kind.IMAGE_REMOVED,
}
# an end that somebody asked for is told before or right after it
ASKED = timedelta(seconds=15)
LAST_CODE = 255
# how long an end may take that was asked for
PATIENCE = timedelta(minutes=10)
ASKING = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGWINCH")


def take_events(host: Host, events: Iterable[EngineEvent]) -> None:
    found = list(events)
    subjects = {event.words.get("container", event.subject) for event in found if event.kind != "image"}
    rows = {row.engine_id: row for row in Container.objects.filter(host=host, engine_id__in=subjects)}
    for event in found:
        if event.kind == "container":
            _container_event(host, event, rows.get(event.subject))
        elif event.kind == "image":
            _image_event(host, event)
        elif event.kind == "network":
            take_network_event(host, event, rows)


def _container_event(host: Host, event: EngineEvent, row: Container | None) -> None:
    at = time_of(event.at_ns)
    if event.action == "exec_die":
        _exec_ended(host, event)
        return
    kind = OF_CONTAINERS[event.action]
    details, is_trouble = _details(event), False
    if kind is Kind.DIED:
        is_trouble = bool(details.get("exit_code")) and not was_asked(host, event.subject, at)
        details["is_oom"] = _starved(host, event.subject, at)
        forget_leaving(host, event.subject, at)
    elif kind is Kind.STOPPED or (kind is Kind.REMOVED and _was_killed(host, event.subject, at)):
        _end_was_asked(host, event.subject, at)
    elif kind is Kind.OOM or (kind is Kind.HEALTH and details.get("status") == "unhealthy"):
        is_trouble = True
    noted = Noted(
        kind,
        at,
        event.subject,
        name=event.name,
        image=full_name(event.image),
        details=details,
        is_trouble=is_trouble,
        word=event.words.get("exec_id", ""),
    )
    note(host, noted, container=row)


def _details(event: EngineEvent) -> dict[str, Any]:
    words = event.words
    match event.action:
        case "die":
            return {"exit_code": _number(words.get("exit_code", ""))}
        case "kill":
            return {"signal": _signal(words.get("signal", ""))}
        case "rename":
            return {"old": words.get("old_name", ""), "new": event.name}
        case "health_status":
            return {"status": words.get("status", "")[:16]}
        case "exec_start":
            return {"program": words.get("program", "")[:80], "exec_id": words.get("exec_id", "")[:64]}
    return {}


def _exec_ended(host: Host, event: EngineEvent) -> None:
    """It is told with its beginning."""
    begun = Change.objects.filter(host=host, engine_id=event.subject, kind=Kind.EXEC)
    change = begun.filter(details__exec_id=event.words.get("exec_id", "?")).first()
    if change is None or "exit_code" in change.details:
        return
    code = _number(event.words.get("exit_code", ""))
    change.details = {**change.details, "exit_code": code, "ended_at": time_of(event.at_ns).isoformat()}
    change.save(update_fields=["details"])
    publish_on_commit("rows.changes", {"host": host.name})


def was_asked(host: Host, engine_id: str, at: datetime) -> bool:
    """Signals that ask to end; SIGKILL asks nobody."""
    signals = Change.objects.filter(host=host, engine_id=engine_id, kind=Kind.KILLED, at__lte=at)
    latest = signals.filter(at__gt=at - PATIENCE).exclude(details__signal="SIGKILL").first()
    if latest is None or latest.details.get("signal") not in ASKING:
        return False
    # of the run that ends now
    later = Change.objects.filter(host=host, engine_id=engine_id, kind=Kind.STARTED, at__gt=latest.at, at__lt=at)
    return not later.exists()


def _was_killed(host: Host, engine_id: str, at: datetime) -> bool:
    """One that is removed by force is killed for it; one that is removed because it has ended is not."""
    signals = Change.objects.filter(host=host, engine_id=engine_id, kind=Kind.KILLED)
    return signals.filter(at__gt=at - ASKED, at__lte=at).exists()


def _end_was_asked(host: Host, engine_id: str, at: datetime) -> None:
    ends = Change.objects.filter(host=host, engine_id=engine_id, kind=Kind.DIED, at__gt=at - ASKED, at__lte=at)
    ends.update(is_trouble=False)


def _starved(host: Host, engine_id: str, at: datetime) -> bool:
    found = Change.objects.filter(host=host, engine_id=engine_id, kind=Kind.OOM)
    return found.filter(at__gt=at - ASKED, at__lte=at).exists()


def _image_event(host: Host, event: EngineEvent) -> None:
    kind, name = OF_IMAGES[event.action], full_name(event.image)
    details: dict[str, Any] = {}
    if kind is Kind.TAGGED:
        details["to"] = event.subject[:12]
        earlier = Change.objects.filter(host=host, kind=kind, image=name[:300], at__lt=time_of(event.at_ns)).first()
        if earlier is not None and earlier.engine_id != event.subject:
            details["from"] = earlier.engine_id[:12]
        elif earlier is not None:
            # it means what it meant: a build that changed nothing
            return
    note(host, Noted(kind, time_of(event.at_ns), event.subject, name=name, image=name, details=details), container=None)


def _signal(text: str) -> str:
    return (signal_name(int(text)) or text) if text.isdecimal() and len(text) < 4 else text[:16]


def _number(text: str) -> int:
    return min(int(text), LAST_CODE) if text.isdecimal() and len(text) < 10 else 0
