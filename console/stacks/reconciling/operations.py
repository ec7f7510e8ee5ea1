"""Replacing what is not well, by itself or because somebody asks, and saying what is replaced by itself."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from django.utils import timezone
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.jobs.models import Job
from console.jobs.operations import add_job, require_idle
from console.operations.actor import Actor
from console.operations.errors import Conflict, ConsoleError, Invalid
from console.operations.happenings import EventKind, Happening, happened
from console.operations.permissions import Permission
from console.operations.runner import Operation, observation, operation, publish_on_commit
from console.stacks.models import Release, Restoration, Stack
from console.stacks.operations import require_allowed
from console.stacks.parcels import hidden
from console.stacks.planning.names import container_name
from console.stacks.planning.plans import Action, Plan, Step
from console.stacks.preparing import Prepared
from console.stacks.queries import get_stack
from console.stacks.reconciling.deciding import CHOICES, Trouble, Verdict, Why
from console.stacks.reconciling.noticing import Situation, situation_of, situations_on
from console.stacks.reconciling.words import state_of
from console.stacks.sources import Given

log = structlog.get_logger(__name__)
SYSTEM: Final = Actor.system("reconciler")
KIND = "stack.restore"


def set_restores(actor: Actor, stack_id: int, *, restores: Sequence[str]) -> Stack:
    """What of the stack is replaced by itself: "dead", "unhealthy", "drifted". Needs container.deploy. Invalid."""
    stack = get_stack(actor, stack_id)
    wrong = set(restores) - {choice.value for choice in CHOICES}
    if wrong:
        raise Invalid(_("“%(name)s” is none of the choices.") % {"name": min(wrong)[:80]}, field="restores")
    chosen = [choice.value for choice in CHOICES if choice.value in restores]
    with operation(actor, Permission.CONTAINER_DEPLOY, on=stack, restores=chosen):
        stack = stack.locked()
        stack.restores = chosen
        stack.save(update_fields=["restores"])
        publish_on_commit("rows.stacks", {"host": stack.host.name})
    return stack


def restore_now(actor: Actor, stack_id: int, *, services: Sequence[str] = ()) -> Job:
    """Replace all that is not as it should be, of these services or of all, whatever it waits for; what somebody has
    stopped runs again. Needs container.deploy. Conflict when nothing is wrong, or it is not known what should be.
    """
    stack = get_stack(actor, stack_id)
    with operation(actor, Permission.CONTAINER_DEPLOY, on=stack, services=list(services) or None) as op:
        stack = stack.locked()
        situation = situation_of(stack, now=timezone.now())
        troubles = [one for one in _all_of(situation) if not services or one.service in services]
        if situation.release is None or not troubles:
            raise Conflict(state_of(situation) or _("Everything is as it should be."))
        return _restore(op, stack, situation.release, troubles, by_name=op.actor.name)


def _all_of(situation: Situation) -> list[Trouble]:
    stopped = [
        Trouble(one.service, one.number, Why.DEAD, one.engine_id, one.name, one.exit_code)
        for one in situation.found.stopped
    ]
    return [*situation.found.troubles, *stopped]


def restore_due(host_name: str, *, now: datetime | None = None) -> list[Job]:
    """Of every stack on the host what is due now, as its policy says. Each look at the host leads here."""
    now = now or timezone.now()
    host = Host.objects.filter(name=host_name).first()
    if host is None or not Stack.objects.filter(host=host, is_gone=False).exclude(restores=[]).exists():
        return []
    situations = situations_on(host, now=now)
    if held := [one for one in situations if any(each.verdict is Verdict.HELD for each in one.decisions)]:
        _tell_storm(host, held, now)
    jobs = [_restore_due(situation, now=now) for situation in situations]
    return [job for job in jobs if job is not None]


def _restore_due(situation: Situation, *, now: datetime) -> Job | None:
    troubles = [one.trouble for one in situation.decisions if one.verdict is Verdict.NOW]
    if situation.release is None or not troubles:
        return None
    stack = situation.stack
    what = [f"{one.service} {one.number}: {one.why}" for one in troubles]
    try:
        with operation(SYSTEM, Permission.CONTAINER_DEPLOY, on=stack, troubles=what) as op:
            return _restore(op, stack.locked(), situation.release, troubles)
    except ConsoleError as error:
        # it counts as tried, so that what cannot be is not tried all the time
        log.warning("not restored", stack=stack.pk, why=str(error))
        with observation(SYSTEM):
            _remember(stack, troubles, at=now, error=str(error)[:2000])
    return None


def _restore(op: Operation, stack: Stack, release: Release, troubles: Sequence[Trouble], *, by_name: str = "") -> Job:
    """Inside ``op``."""
    owner = stack.workspace.locked()
    require_idle(stack)
    release = Release.objects.select_related("job").get(pk=release.pk)
    require_allowed(owner, stack.host, _prepared(release, troubles))
    args: dict[str, Any] = {
        **hidden(release.project, release.contents),
        "images": release.images,
        "digests": release.digests,
        "release": release.number,
        "unwell": [_facts(one) for one in troubles],
        **({"secrets": release.secrets} if release.secrets else {}),
    }
    job = add_job(op, KIND, host=stack.host, workspace=owner, args=args, on=stack)
    _remember(stack, troubles, at=timezone.now(), job=job, by_name=by_name)
    publish_on_commit("rows.stacks", {"host": stack.host.name})
    return job


def _prepared(release: Release, troubles: Iterable[Trouble]) -> Prepared:
    """For the workspace's rules, which judge what is made."""
    project, hashes = release.project, dict(release.plan.get("services", {}))
    steps = tuple(
        Step(
            Action.REPLACE if one.engine_id else Action.CREATE,
            "container",
            container_name(project, one.service, project.services[one.service], one.number),
            one.service,
            one.number,
            one.engine_id,
        )
        for one in troubles
    )
    plan = Plan(project.name, steps, "", services={name: hashes.get(name, "") for name in project.services})
    return Prepared(project, Given(dict(release.contents), list(release.secrets)), release.digests, plan)


def _facts(trouble: Trouble) -> dict[str, Any]:
    return {
        "service": trouble.service,
        "number": trouble.number,
        "engine_id": trouble.engine_id,
        "why": trouble.why.value,
        "exit_code": trouble.exit_code,
    }


def _remember(stack: Stack, troubles: Iterable[Trouble], *, at: datetime, **facts: Any) -> None:
    """Inside an operation or an observation."""
    Restoration.objects.bulk_create(
        Restoration(
            stack=stack,
            service=one.service,
            number=one.number,
            why=one.why.value,
            name=one.name,
            exit_code=one.exit_code,
            at=at,
            **facts,
        )
        for one in troubles
    )


def _tell_storm(host: Host, held: Sequence[Situation], now: datetime) -> None:
    count = sum(each.verdict is Verdict.HELD for one in held for each in one.decisions)
    with observation(SYSTEM):
        happened(
            Happening(
                EventKind.STACKS_HELD,
                about=f"host:{host.pk}",
                name=host.name,
                place=host.place,
                details={"count": count, "stacks": ", ".join(one.stack.name for one in held)[:300]},
                link="/stacks/",
                # once an hour while it lasts
                once=f"storm:{host.pk}:{now:%Y-%m-%d %H}",
            )
        )


def forget_old(before: datetime) -> int:
    """What was restored earlier than that is told nowhere any more."""
    with observation(SYSTEM):
        return Restoration.objects.filter(at__lt=before).delete()[0]
