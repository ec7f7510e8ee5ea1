"""What the clock does: looks at repositories whose time has come, and deploys what is to be deployed by itself.

Safe to be killed at any point and to run several times at once: a row is taken by moving its time on, and whoever took
it and died has only put it off. The job that deploys is known by the one that fetched, so there is one at most.
"""

from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from console.jobs.models import Job
from console.jobs.operations import asking_for
from console.operations.actor import Actor
from console.operations.errors import Conflict, ConsoleError, Denied, Unavailable
from console.origins.models import Origin
from console.origins.observations import note, note_deployment, put_off, taken
from console.origins.operations import fetch_now, pause
from console.origins.queries import find_owner
from console.origins.tips import Account, tip_of
from console.secrets.references import names_in
from console.secrets.values import resolve
from console.stacks.operations import deploy_stack, plan_stack

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 20
# longer than a server may take to answer
TAKEN_FOR = timedelta(seconds=90)
TRY_AGAIN = timedelta(seconds=30)
SOON = timedelta(seconds=10)


def look_round(now: datetime | None = None) -> int:
    """Every few seconds. Returns how many repositories were looked at."""
    now = now or timezone.now()
    looked = 0
    for origin in _active().filter(next_at__lte=now).order_by("next_at", "pk")[:MOST_AT_ONCE]:
        # just before: those before it may have taken their time
        if taken(origin, next_at=max(now, timezone.now()) + TAKEN_FOR):
            looked += 1
            _look(origin)
    for origin in _active().filter(deploy_at__lte=now).order_by("deploy_at", "pk")[:MOST_AT_ONCE]:
        if taken(origin, deploy_at=now + TAKEN_FOR):
            _deploy(origin)
    return looked


def _active() -> QuerySet[Origin]:
    rows = Origin.objects.filter(state=Origin.State.ACTIVE, stack__is_gone=False)
    rows = rows.exclude(stack__removal__state=Job.State.SUCCEEDED)
    return rows.select_related("job", "owner", "stack__workspace", "stack__host", "stack__removal")


def _look(origin: Origin) -> None:
    actor, stack = find_owner(origin), origin.stack
    if actor is None:
        pause(origin, trouble=_("%(name)s may not do this any more.") % {"name": origin.owner_name})
        return
    if origin.is_fetching:
        # whoever rang meanwhile may mean a later commit
        put_off(origin, timezone.now() + SOON)
        return
    try:
        tip = tip_of(origin.url, origin.ref, _account(origin))
        if tip == stack.commit.get("id") and not origin.has_failed:
            note(origin)
        else:
            fetch_now(actor, stack.pk)
    except Denied as error:
        pause(origin, trouble=str(error))
    except ConsoleError as error:
        note(origin, wrong=str(error))


def _account(origin: Origin) -> Account:
    password = origin.password
    for name in names_in([password]):
        password = resolve(origin.stack.workspace_id, [name])[name]
    return Account(origin.username, password)


def _deploy(origin: Origin) -> None:
    actor, key = find_owner(origin), f"origin:{origin.pk}:{origin.taken}"
    if actor is None:
        pause(origin, trouble=_("%(name)s may not do this any more.") % {"name": origin.owner_name})
        return
    if Job.objects.filter(asked_by=key).exists():
        note_deployment(origin, deploy_at=None)
        return
    try:
        facts = _deployed(actor, origin, key)
    except Denied as error:
        pause(origin, trouble=str(error))
        return
    except (Conflict, Unavailable) as error:
        # another job is at work, or the host does not answer: its turn comes
        facts = {"deploy_at": timezone.now() + TRY_AGAIN, "held": str(error)}
    except ConsoleError as error:
        facts = {"deploy_at": None, "held": str(error)}
    except IntegrityError:
        log.info("already asked for", origin=origin.pk)
        facts = {"deploy_at": None}
    note_deployment(origin, **facts)


def _deployed(actor: Actor, origin: Origin, key: str) -> dict[str, object]:
    """Fields of the row that change by it."""
    stack = origin.stack
    plan = plan_stack(actor, stack.pk).plan
    if plan.has_data_loss:
        return {"deploy_at": None, "held": _("It was not deployed by itself, since data would be lost: see the plan.")}
    if plan.is_empty:
        return {"deploy_at": None, "held": "", "settled": stack.commit.get("id", "")}
    with asking_for(key, because=origin.url[:200]):
        deploy_stack(actor, stack.pk, plan_digest=plan.digest)
    return {"deploy_at": None, "held": ""}
