"""Schedules hold their host; when it is removed all the same, they are paused and say why."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from console.hosts.leaving import holds_hosts, leaves_with_hosts
from console.hosts.models import Host
from console.operations.runner import publish_on_commit
from console.schedules.models import Schedule


@holds_hosts
def schedules_there(host: Host) -> Sequence[str]:
    active = Schedule.objects.filter(host=host, state=Schedule.State.ACTIVE).order_by("name")
    return [_("schedule %(name)s") % {"name": schedule.name} for schedule in active]


@leaves_with_hosts
def schedules_pause(host: Host) -> None:
    trouble = _("The host was removed.")
    active = Schedule.objects.filter(host=host, state=Schedule.State.ACTIVE)
    active.update(state=Schedule.State.PAUSED, next_at=None, trouble=trouble)
    publish_on_commit("rows.schedules")
