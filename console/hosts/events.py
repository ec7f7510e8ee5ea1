"""What happens on an engine, as it tells it (``GET /events``), as our own type: Docker's JSON is read here.

What people ran inside a container is told by the program's name alone: what follows it may be a password.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from console.hosts.facts import Fact, log_since
from console.hosts.gateway import Engine

LONGEST_NAME = 255
# what else they go through changes nothing that is told
TOLD = frozenset(
    {
        *("create", "start", "die", "oom", "kill", "stop", "pause", "unpause", "rename", "destroy"),
        *("health_status", "exec_start", "exec_die"),
    }
)
TOLD_OF_IMAGES = frozenset({"tag", "untag", "pull", "delete"})
TOLD_OF_NETWORKS = frozenset({"create", "connect", "disconnect", "destroy"})
TOLD_OF: Mapping[str, frozenset[str]] = {"container": TOLD, "image": TOLD_OF_IMAGES, "network": TOLD_OF_NETWORKS}


@dataclass(frozen=True, slots=True)
class EngineEvent(Fact):
    """``kind`` is container, image or network; ``action`` Docker's word without what may follow it.

    ``subject`` is the container's or the network's 64 hex digits, or the image's id or name. ``words`` are what the
    action tells more: exit_code, signal, status, program, exec_id, old_name; of networks driver, container.
    """

    kind: str
    action: str
    subject: str
    at_ns: int
    name: str
    image: str
    words: dict[str, str]


@dataclass(frozen=True, slots=True)
class Heard:
    """One message. ``event`` is None for what is not told; ``command`` is what was run, and stays on the host."""

    at_ns: int
    event: EngineEvent | None
    command: str = ""


async def follow_events(engine: Engine, *, since_ns: int) -> AsyncGenerator[Heard, None]:
    """Everything from ``since_ns`` on, inclusive, as far back as the engine remembers; then what happens.

    Ends, or raises Unavailable, when the engine goes.
    """
    # a generator by nature, whose connection must not outlive the reader
    messages = cast("AsyncGenerator[dict[str, Any], None]", engine.lines("events", params=log_since(since_ns)))
    async with aclosing(messages):
        async for message in messages:
            yield heard(message)


def heard(message: Mapping[str, Any]) -> Heard:
    kind, whole_action = str(message.get("Type", "")), str(message.get("Action", ""))
    actor = message.get("Actor") or {}
    attributes: Mapping[str, Any] = actor.get("Attributes") or {}
    at_ns = int(message.get("timeNano") or 0) or int(message.get("time") or 0) * 10**9
    action, _colon, rest = whole_action.partition(":")
    if action not in TOLD_OF.get(kind, ()):
        return Heard(at_ns, None)
    is_image = kind == "image"
    event = EngineEvent(
        kind=kind,
        action=action,
        subject=_plain(actor.get("ID", "")).removeprefix("sha256:"),
        at_ns=at_ns,
        name="" if is_image else _plain(attributes.get("name", "")),
        image=_plain(attributes.get("name" if is_image else "image", "")),
        words=_words_of_network(attributes) if kind == "network" else _words(action, rest.strip(), attributes),
    )
    return Heard(at_ns, event, rest.strip() if action == "exec_start" else "")


def _words(action: str, rest: str, attributes: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, object] = {}
    match action:
        case "die":
            found = {"exit_code": attributes.get("exitCode")}
        case "kill":
            found = {"signal": attributes.get("signal")}
        case "rename":
            found = {"old_name": str(attributes.get("oldName", "")).lstrip("/")}
        case "health_status":
            found = {"status": rest}
        case "exec_start":
            found = {"program": rest.split(" ")[0].rpartition("/")[2], "exec_id": attributes.get("execID")}
        case "exec_die":
            found = {"exit_code": attributes.get("exitCode"), "exec_id": attributes.get("execID")}
    return {name: _plain(value) for name, value in found.items() if value is not None}


def _words_of_network(attributes: Mapping[str, Any]) -> dict[str, str]:
    found = {"driver": attributes.get("type"), "container": attributes.get("container")}
    return {name: _plain(value) for name, value in found.items() if value is not None}


def _plain(value: object) -> str:
    """What every database takes, and one line of it."""
    text = str(value)[:LONGEST_NAME].encode(errors="replace").decode()
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
