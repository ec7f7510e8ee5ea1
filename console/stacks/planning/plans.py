"""Plans: what would be done, in which order, and why. Pure.

A plan's digest is over its steps and over the world it was made for. Whoever applies one looks at the world again and
makes the plan again: another digest means that the world has moved, and nothing is done.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from console.operations.errors import Conflict
from console.stacks.planning import labels
from console.stacks.planning.changes import Change


class Action(StrEnum):
    PULL = "pull"
    BUILD = "build"
    CREATE = "create"
    REPLACE = "replace"
    RESTART = "restart"
    KEEP = "keep"
    REMOVE = "remove"


SIGNS = {
    Action.PULL: "↓",
    Action.BUILD: "⚒",
    Action.CREATE: "+",
    Action.REPLACE: "±",
    Action.RESTART: "↻",
    Action.KEEP: " ",
    Action.REMOVE: "-",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing. ``kind``: image, network, volume or container; ``engine_id`` is that of what is there now.

    ``is_first_started``: the new container is started before the old one is stopped. ``downtime``: the service answers
    nobody for a while. ``data_loss``: something is gone afterwards that nobody can bring back.
    """

    action: Action
    kind: str
    name: str
    service: str = ""
    number: int = 0
    engine_id: str = ""
    changes: tuple[Change, ...] = ()
    is_first_started: bool = False
    downtime: bool = False
    data_loss: bool = False

    def __str__(self) -> str:
        flags = [_("downtime")] if self.downtime else []
        flags += [_("data is lost")] if self.data_loss else []
        why = "; ".join(str(change) for change in self.changes)
        tail = "".join([f"  ({why})" if why else "", *(f"  ! {flag}" for flag in flags)])
        return f"{SIGNS[self.action]} {self.action:<8}{self.kind:<10} {self.name}{tail}"


class Doubt(StrEnum):
    """What a plan cannot mend."""

    NO_NETWORK = "no network"
    NO_VOLUME = "no volume"
    OTHER_VOLUME = "other volume"
    NO_PROVIDER = "no provider"
    ONE_PUBLISHES = "one publishes"
    STOPS_FIRST = "stops first"
    OTHER_IMAGE = "other image"
    MAY_RENEW = "may renew"


@dataclass(frozen=True, slots=True)
class Remark:
    doubt: Doubt
    name: str

    def __str__(self) -> str:
        match self.doubt:
            case Doubt.NO_NETWORK:
                text = _("The network “%(name)s” is somebody else's to make, and is not there.")
            case Doubt.NO_VOLUME:
                text = _("The volume “%(name)s” is somebody else's to make, and is not there.")
            case Doubt.OTHER_VOLUME:
                text = _("The volume “%(name)s” stays as it was made; what the file says of it now differs.")
            case Doubt.NO_PROVIDER:
                text = _("“%(name)s” needs a provider or a model, which hosts do not have.")
            case Doubt.ONE_PUBLISHES:
                text = _("“%(name)s” publishes a fixed port, which only one container can have on this host.")
            case Doubt.STOPS_FIRST:
                text = _("“%(name)s” has something that only one container can have: the old one stops first.")
            case Doubt.OTHER_IMAGE:
                text = _("The image that “%(name)s” had then is gone; what has its name now is taken.")
            case Doubt.MAY_RENEW:
                text = _("Containers of “%(name)s” are replaced if its image turns out to be another.")
        return text % {"name": self.name}


@dataclass(frozen=True, slots=True)
class Plan:
    """``steps`` are in the order in which they are done. ``world`` is the digest of the world it was made for.

    By service: ``services`` has the hash of what a container is made from, ``images`` the id ("sha256:…") of the image
    where its name means another by now. Containers of those in ``shared`` share their published ports.
    """

    project: str
    steps: tuple[Step, ...]
    world: str
    remarks: tuple[Remark, ...] = ()
    services: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    shared: tuple[str, ...] = ()

    def labels_of(self, service: str) -> dict[str, str]:
        """What its containers carry beside what Compose says."""
        return {labels.SHARED_PORTS: labels.sharing_group(self.project, service)} if service in self.shared else {}

    @property
    def digest(self) -> str:
        text = json.dumps(msgspec.to_builtins(self), sort_keys=True, default=list)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def is_empty(self) -> bool:
        """Nothing would be done."""
        return all(step.action is Action.KEEP for step in self.steps)

    @property
    def counts(self) -> dict[str, int]:
        """Containers by action, without zeros."""
        return dict(Counter(step.action.value for step in self.steps if step.kind == "container"))

    @property
    def has_downtime(self) -> bool:
        return any(step.downtime for step in self.steps)

    @property
    def has_data_loss(self) -> bool:
        return any(step.data_loss for step in self.steps)

    def document(self) -> dict[str, Any]:
        """For JSON; ``digest`` and what it comes to with it."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        for step, document in zip(self.steps, found["steps"], strict=True):
            document["reasons"] = [str(change) for change in step.changes]
        for remark, document in zip(self.remarks, found["remarks"], strict=True):
            document["text"] = str(remark)
        more = {"digest": self.digest, "downtime": self.has_downtime, "data_loss": self.has_data_loss}
        return {**found, **more, "counts": self.counts}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        return msgspec.convert(document, cls)

    def text(self) -> str:
        """For a terminal: a line for each step that does something, and what it comes to."""
        lines = [str(step) for step in self.steps if step.action is not Action.KEEP]
        kept = sum(step.action is Action.KEEP for step in self.steps)
        lines += [_("Unchanged: %(count)d") % {"count": kept}] if kept else []
        lines += [_("Warning: %(text)s") % {"text": warning} for warning in self.remarks]
        return "\n".join([*lines, pgettext("of a plan", "Digest: %(digest)s") % {"digest": self.digest}, ""])

    def require(self, digest: str) -> None:
        """Conflict unless this is the plan that was agreed to."""
        if digest != self.digest:
            raise Conflict(_("The host is not as it was when this was planned. Plan again."), field="plan")


def by_service(steps: Iterable[Step]) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = {}
    for step in steps:
        if step.service:
            found.setdefault(step.service, []).append(step)
    return found
