"""Changes in words, in the language of whoever reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.containers.reasons import reason_of
from console.timeline.models import Change
from console.web.templatetags.naru import size

Kind = Change.Kind
SENTENCES: Mapping[str, str | Promise] = {
    Kind.CREATED: _("was created from %(image)s"),
    Kind.REPLACED: _("took the place of %(earlier)s"),
    Kind.STARTED: _("was started"),
    Kind.STOPPED: _("was stopped"),
    Kind.DIED: _("ended with exit code %(exit_code)s: %(reason)s"),
    Kind.OOM: _("ran out of memory"),
    Kind.KILLED: _("was sent %(signal)s"),
    Kind.PAUSED: _("was paused"),
    Kind.UNPAUSED: _("goes on after a pause"),
    Kind.RENAMED: _("was called %(old)s and is %(new)s now"),
    Kind.RECONFIGURED: _("was reconfigured"),
    Kind.REMOVED: _("was removed"),
    Kind.CONNECTED: _("joined the network %(network)s"),
    Kind.DISCONNECTED: _("left the network %(network)s"),
    Kind.NETWORK_CREATED: _("the network was created (%(driver)s)"),
    Kind.NETWORK_REMOVED: _("the network was removed"),
    Kind.TAGGED: _("means %(to)s now"),
    Kind.UNTAGGED: _("lost a name"),
    Kind.PULLED: _("was pulled"),
    Kind.IMAGE_REMOVED: _("was removed"),
    Kind.HOST_LOST: _("does not answer. %(reason)s"),
    Kind.HOST_BACK: _("answers again"),
}
RESTARTED = _("was restarted by its policy (%(restarts)s so far)")
MOVED = _("means %(to)s now, and meant %(from)s before")
RAN = _("%(program)s was run inside it")
RAN_TO_END = _("%(program)s was run inside it and ended with exit code %(exit_code)s")
HEALTHS: Mapping[str, str | Promise] = {
    "healthy": _("became healthy"),
    "unhealthy": _("became unhealthy"),
    "starting": _("is being checked for the first time"),
}
# what of a container can differ
WHATS: Mapping[str, str | Promise] = {
    "image": _("Image"),
    "digest": _("Image’s id"),
    "command": _("Command"),
    "entrypoint": _("Entrypoint"),
    "env": _("Environment"),
    "user": _("User"),
    "working_dir": _("Working directory"),
    "restart": _("Restart policy"),
    "mounts": _("Mounts"),
    "networks": _("Networks"),
    "network_mode": _("Network mode"),
    "exposed": _("Exposed ports"),
    "limits.memory": _("Memory"),
    "limits.memory_swap": _("Memory and swap"),
    "limits.memory_reservation": _("Memory kept for it"),
    "limits.cpus": _("CPUs"),
    "limits.pids": _("Processes"),
    "security.privileged": _("Privileged"),
    "security.cap_add": _("Capabilities added"),
    "security.cap_drop": _("Capabilities taken"),
    "check.test": _("Check"),
}


@dataclass(frozen=True, slots=True)
class _Look:
    icon: str


BROKEN = _Look(icon="heart-broken")
OTHER = _Look(icon="point")
LOOKS: Mapping[str, _Look] = {
    Kind.CREATED: _Look(icon="plus"),
    Kind.REPLACED: _Look(icon="replace"),
    Kind.STARTED: _Look(icon="player-play"),
    Kind.STOPPED: _Look(icon="player-stop"),
    Kind.DIED: _Look(icon="player-stop"),
    Kind.OOM: _Look(icon="alert-triangle"),
    Kind.KILLED: _Look(icon="bolt"),
    Kind.HEALTH: _Look(icon="heartbeat"),
    Kind.PAUSED: _Look(icon="player-pause"),
    Kind.UNPAUSED: _Look(icon="player-play"),
    Kind.RENAMED: _Look(icon="pencil"),
    Kind.RECONFIGURED: _Look(icon="adjustments"),
    Kind.EXEC: _Look(icon="terminal"),
    Kind.REMOVED: _Look(icon="trash"),
    Kind.CONNECTED: _Look(icon="network"),
    Kind.DISCONNECTED: _Look(icon="network"),
    Kind.NETWORK_CREATED: _Look(icon="network"),
    Kind.NETWORK_REMOVED: _Look(icon="trash"),
    Kind.TAGGED: _Look(icon="tag"),
    Kind.UNTAGGED: _Look(icon="tag"),
    Kind.PULLED: _Look(icon="download"),
    Kind.IMAGE_REMOVED: _Look(icon="trash"),
    Kind.HOST_LOST: _Look(icon="plug-connected-x"),
    Kind.HOST_BACK: _Look(icon="plug-connected"),
}


def sentence_of(change: Change) -> str:
    """What happened, as goes on after the thing's name."""
    facts: dict[str, Any] = {**change.details, "image": change.image}
    match change.kind:
        case Kind.STARTED if "restarts" in facts:
            sentence: str | Promise = RESTARTED
        case Kind.TAGGED if "from" in facts:
            sentence = MOVED
        case Kind.EXEC:
            sentence = RAN_TO_END if "exit_code" in facts else RAN
        case Kind.HEALTH:
            sentence = HEALTHS.get(str(facts.get("status")), str(facts.get("status")))
        case _:
            sentence = SENTENCES.get(change.kind, change.kind)
    if change.kind == Kind.DIED:
        facts["reason"] = reason_of(facts.get("exit_code"), is_oom=bool(facts.get("is_oom")))
    try:
        return (str(sentence) % facts).strip()
    except (KeyError, ValueError, TypeError):
        # of another version, which said other things
        return str(change.kind)


def icon_of(change: Change) -> str:
    if change.kind == Kind.HEALTH and change.is_trouble:
        return BROKEN.icon
    return LOOKS.get(change.kind, OTHER).icon


def lines_of(change: Change) -> list[tuple[str, str]]:
    """What differs, each with its name."""
    return [(str(WHATS.get(one["what"], one["what"])), _difference(one)) for one in change.details.get("changes", ())]


def _difference(one: Mapping[str, Any]) -> str:
    if "from" in one:
        is_size = str(one["what"]).startswith("limits.memory")
        return f"{_shown(one['from'], is_size)} → {_shown(one.get('to'), is_size)}"
    added = [f"+ {entry}" for entry in one.get("added", ())]
    return "  ".join([*added, *(f"− {entry}" for entry in one.get("removed", ()))])


def _shown(value: object, is_size: bool) -> str:
    if value in ("", None):
        return "—"
    return size(value) if is_size and isinstance(value, int) and value > 0 else str(value)
