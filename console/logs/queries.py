"""Containers whose logs may be read together: those over which container.logs is held."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db.models import QuerySet

from console.containers.kept_logs import GoneLog, kept_among, readable_gone
from console.containers.models import Container
from console.containers.queries import PATHS, ContainerFilter, visible_containers
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import bounded

# each is a topic of the page's one socket, which takes twenty
MOST_SOURCES = 12
MOST_OFFERED = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """``text``: part of name or image; ``label``: ``key`` or ``key=value``; ``gone``: removed ones, too, whose log is
    kept; ``keys``: ``host/name`` of those chosen, without which the first that match are.
    """

    text: str = ""
    workspace: str = ""
    label: str = ""
    gone: bool = False
    keys: Sequence[str] = ()


def offered(actor: Actor, choice: Choice) -> list[Container]:
    """Those that match, by name; behind them those that are gone, the one removed last first."""
    wanted = ContainerFilter(text=choice.text, workspace=choice.workspace)
    readable = bounded(actor, Permission.CONTAINER_LOGS, visible_containers(actor, wanted), PATHS)
    present = _labelled(readable.order_by("name", "pk"), choice.label)
    if not choice.gone:
        return present
    gone = _labelled(readable_gone(actor, replace(wanted, gone=True)), choice.label)
    return present + [one.container for one in kept_among(gone)]


def chosen(actor: Actor, choice: Choice, among: Sequence[Container]) -> list[Container]:
    """The containers of ``choice.keys``, or the first of ``among``; at most MOST_SOURCES, none that cannot be read."""
    if not choice.keys:
        return list(among[:MOST_SOURCES])
    by_key = {key_of(row): row for row in among}
    if any(key not in by_key for key in choice.keys):
        by_key = {key_of(row): row for row in [*_labelled(readable_gone(actor)), *offered(actor, Choice())]} | by_key
    found = [by_key[key] for key in dict.fromkeys(choice.keys) if key in by_key]
    return found[:MOST_SOURCES]


def kept_logs(actor: Actor, choice: Choice) -> list[GoneLog]:
    """Logs of containers that are gone, as far as their engines keep them; the one removed last first."""
    wanted = ContainerFilter(text=choice.text, workspace=choice.workspace, gone=True)
    return kept_among(_labelled(readable_gone(actor, wanted), choice.label))


def key_of(container: Container) -> str:
    return f"{container.host.name}/{container.key}"


def _labelled(rows: QuerySet[Container], label: str = "") -> list[Container]:
    if not label:
        return list(rows[:MOST_OFFERED])
    # labels are looked at here: there are few containers, and databases differ in how they ask for them
    return [row for row in rows[: MOST_OFFERED * 5] if _has_label(row, label)][:MOST_OFFERED]


def _has_label(container: Container, label: str) -> bool:
    key, equals, value = label.partition("=")
    return key in container.labels and (not equals or container.labels[key] == value)
