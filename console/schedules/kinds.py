"""What can be scheduled: for each kind of job, what it takes, where it belongs, and how it is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from console.containers.models import Container
from console.containers.operations import check_run, run_container, start_container, stop_container
from console.containers.queries import get_container
from console.hosts.models import Host
from console.images.operations import build_image, check_build
from console.jobs.kinds import get_kind
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.policy import Place, may
from console.schedules.models import Schedule
from console.workspaces.models import Workspace
from console.workspaces.queries import workspace_for_new

Inputs = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Schedulable:
    """``owner_of(actor, host, inputs)`` is the workspace that the work belongs to; ``ask`` is its operation; ``check``
    raises Invalid for inputs that could never be taken. ``is_about`` a container that is there already.
    """

    kind: str
    ask: Callable[..., Job]
    check: Callable[[Inputs], None]
    is_about: bool = False

    @property
    def permission(self) -> Permission:
        return get_kind(self.kind).permission

    def owner_of(self, actor: Actor, host: Host, inputs: Inputs) -> Workspace | None:
        """None where the actor may not do it in any. Missing for a container or a workspace that is not in sight."""
        if self.is_about:
            return get_container(actor, host.name, str(inputs.get("name", ""))).workspace
        return workspace_for_new(actor, inputs.get("workspace", ""), self.permission)

    def may_ask(self, actor: Actor, schedule: Schedule) -> bool:
        """Whether the actor holds what the work takes, there, now."""
        if self.is_about:
            found = find_container(schedule)
            if found is not None:
                return may(actor, self.permission, on=found)
        return may(actor, self.permission, at=Place(schedule.workspace_id, schedule.host_id))

    def ask_for(self, actor: Actor, schedule: Schedule) -> Job:
        """As if the actor asked by hand: whatever that raises. Conflict when the name is another workspace's by now."""
        inputs = dict(schedule.inputs)
        if self.is_about:
            found = find_container(schedule)
            if found is not None and found.workspace_id != schedule.workspace_id:
                raise Conflict(_("That container belongs to another workspace."))
            return self.ask(actor, schedule.host.name, inputs["name"])
        return self.ask(actor, schedule.host.name, **{**inputs, "workspace": schedule.workspace.slug})


def find_container(schedule: Schedule) -> Container | None:
    """The one that has the name now, whoever may see it."""
    name = str(schedule.inputs.get("name", ""))
    return Container.objects.filter(host=schedule.host, name=name, gone_at=None).first()


def _check_name(inputs: Inputs) -> None:
    if not inputs.get("name"):
        raise Invalid(_("Which container?"), field="name")


SCHEDULABLE: Mapping[str, Schedulable] = {
    each.kind: each
    for each in (
        Schedulable("image.build", build_image, check_build),
        Schedulable("container.run", run_container, check_run),
        Schedulable("container.start", start_container, _check_name, is_about=True),
        Schedulable("container.stop", stop_container, _check_name, is_about=True),
    )
}


def get_schedulable(kind: str) -> Schedulable:
    """Invalid (``kind``) for what cannot be scheduled."""
    if kind not in SCHEDULABLE:
        raise Invalid(_("Work of the kind “%(kind)s” cannot be scheduled.") % {"kind": kind[:80]}, field="kind")
    return SCHEDULABLE[kind]
