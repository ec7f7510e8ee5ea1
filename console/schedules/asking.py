"""Who may have a schedule's work done."""

from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import Denied
from console.schedules.kinds import Schedulable, get_schedulable
from console.schedules.models import Schedule
from console.secrets.queries import require_may_use
from console.secrets.references import names_in


def require_may_ask(actor: Actor, schedule: Schedule) -> None:
    """Denied unless the actor holds what the work takes, and secret.use for the secrets that it refers to."""
    what = get_schedulable(schedule.kind)
    if not what.may_ask(actor, schedule):
        raise denied(what)
    # it is the owner who asks when the time comes: whoever made it by a token may have held less
    if names_in(schedule.inputs.get("env", {}).values()):
        require_may_use(actor, schedule.workspace)


def denied(what: Schedulable) -> Denied:
    return Denied(_("You need the permission “%(name)s”.") % {"name": what.permission}, permission=what.permission)
