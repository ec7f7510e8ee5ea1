"""What was found of a stack, in words."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.stacks.models import Restoration
from console.stacks.reconciling.deciding import Decision, Trouble, Verdict, Why
from console.stacks.reconciling.noticing import Hold, Situation

CHOICES: Mapping[Why, Promise] = {
    Why.DEAD: _("Containers that die, keep ending or are missing"),
    Why.UNHEALTHY: _("Containers that fail their health check"),
    Why.DRIFTED: _("Containers that are not as the release says"),
}
HOLDS: Mapping[Hold, Promise] = {
    Hold.HOST: _("Its host does not answer."),
    Hold.NOT_DEPLOYED: _("It was not deployed yet."),
    Hold.BUSY: _("A job is at work on it."),
    Hold.UNDECIDED: _("Its last release did not come up whole: deploy it again, or roll back."),
}
FOUND: Mapping[str, Promise] = {
    Why.MISSING: _("is not there"),
    Why.DEAD: _("has ended"),
    Why.UNHEALTHY: _("fails its health check"),
    Why.DRIFTED: _("is not as the release says"),
}


def told(trouble: Trouble | Restoration) -> str:
    """What is wrong with it."""
    if trouble.why == Why.DEAD and trouble.exit_code is not None:
        return gettext("has ended with %(code)d") % {"code": trouble.exit_code}
    return str(FOUND.get(trouble.why, trouble.why))


def verdict(decision: Decision | None) -> str:
    """What is done about it; None: the stack's policy does not speak of it."""
    if decision is None:
        return gettext("left alone: nothing is to be done about it by itself")
    if decision.verdict is Verdict.LATER and decision.until is not None:
        return gettext("was replaced %(tries)d times within the hour, and is again at %(time)s") % {
            "tries": decision.tries,
            "time": f"{decision.until:%H:%M:%S} UTC",
        }
    if decision.verdict is Verdict.HELD:
        return gettext("held: too much fails on this host at once")
    return gettext("is replaced next")


def state_of(situation: Situation) -> str:
    """One sentence about all of it."""
    if situation.hold is not None:
        return str(HOLDS[situation.hold])
    if situation.is_down:
        return gettext("Nothing of it is there any more: deploy it.")
    if situation.found.troubles or situation.found.stopped:
        return ""
    return gettext("Everything is as it should be.")
