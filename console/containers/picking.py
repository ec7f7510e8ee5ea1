"""Many containers at once: which of those picked an action can be done to, and why not to the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.containers.models import Container
from console.containers.queries import ON_MANY, visible_containers
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.operations.permissions import Permission
from console.operations.policy import policy

MOST = 200


@dataclass(frozen=True, slots=True)
class Action:
    """``fits`` by a container's state; ``else_`` says what is in the way."""

    key: str
    kind: str
    permission: Permission
    title: str | Promise
    consequence: str | Promise
    fits: Callable[[Container], bool]
    otherwise: str | Promise


ACTIONS: Mapping[str, Action] = {
    one.key: one
    for one in (
        Action(
            "start",
            "containers.start",
            Permission.CONTAINER_START,
            gettext_lazy("Start"),
            "",
            lambda one: not one.is_alive,
            gettext_lazy("It runs already."),
        ),
        Action(
            "stop",
            "containers.stop",
            Permission.CONTAINER_STOP,
            gettext_lazy("Stop"),
            gettext_lazy("Each is asked to end and killed after its time to stop. Whoever uses them is cut off."),
            lambda one: one.is_alive,
            gettext_lazy("It does not run."),
        ),
        Action(
            "restart",
            "containers.restart",
            Permission.CONTAINER_RESTART,
            gettext_lazy("Restart"),
            gettext_lazy("Each is stopped and started again. Whoever uses them is cut off for a moment."),
            lambda _one: True,
            "",
        ),
        Action(
            "remove",
            "containers.remove",
            Permission.CONTAINER_REMOVE,
            gettext_lazy("Remove"),
            gettext_lazy("Everything they wrote inside themselves is lost, and so are their logs."),
            lambda one: not one.is_alive,
            gettext_lazy("Stop it first."),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Picked:
    """``why_not`` is empty where it can be done."""

    container: Container
    why_not: str = ""

    @property
    def key(self) -> str:
        return f"{self.container.host.name}/{self.container.short_id}"


def get_action(key: str) -> Action:
    if key not in ACTIONS:
        raise Invalid(_("One of start, stop, restart and remove."), field="action")
    return ACTIONS[key]


def judge_picked(actor: Actor, action: Action, keys: Sequence[str]) -> list[Picked]:
    """``keys``: ``host/`` and a name, or an id's first 12 or more digits. Who is not in sight is not there."""
    if len(keys) > MOST:
        raise Invalid(_("At most %(most)d at once.") % {"most": MOST}, field="picked")
    wanted = Q(pk=None)
    for key in keys:
        host, _slash, name = key.partition("/")
        names = Q(name=name) | Q(engine_id__startswith=name) if len(name) >= 12 else Q(name=name)
        wanted |= Q(host__name=host) & names
    containers = list(visible_containers(actor).filter(wanted).order_by("host__name", "name", "pk"))
    busy, access = _busy(containers), policy().access_of(actor)
    return [
        Picked(one, _why_not(action, one, busy, is_allowed=access.allows(action.permission, on=one)))
        for one in containers
    ]


def _why_not(action: Action, container: Container, busy: Mapping[str, int], *, is_allowed: bool) -> str:
    if not is_allowed:
        return _("You need the permission “%(name)s”.") % {"name": action.permission}
    if container.engine_id in busy:
        return _("Job #%(number)d is at work on it.") % {"number": busy[container.engine_id]}
    return "" if action.fits(container) else str(action.otherwise)


def _busy(containers: Sequence[Container]) -> dict[str, int]:
    """Engine id → number of the job that is at work on it."""
    ids = {one.target_id: one.engine_id for one in containers}
    alone = Job.objects.filter(state__in=Job.ACTIVE, on_kind="container", on_id__in=ids)
    busy = {ids[on_id]: number for on_id, number in alone.values_list("on_id", "pk")}
    many = Job.objects.filter(state__in=Job.ACTIVE, kind__in=ON_MANY)
    for number, args in many.values_list("pk", "args"):
        busy |= {item["engine_id"]: number for item in args["items"]}
    return busy


def items_of(picked: Sequence[Picked]) -> list[dict[str, Any]]:
    return [{"engine_id": one.container.engine_id, "name": one.container.name} for one in picked]
