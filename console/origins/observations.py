"""What agents have fetched, and what came of looking."""

import re
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from console.jobs.facts import Fact, observes
from console.jobs.models import Job
from console.jobs.pieces import running_job
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.operations.runner import observation, publish_on_commit
from console.origins.facts import directory_of
from console.origins.models import Origin
from console.origins.tips import COMMIT
from console.stacks.commits import Commit
from console.stacks.models import Stack
from console.stacks.operations import keep_files

UNSEEN = re.compile(r"[\x00-\x1f\x7f]")


@observes("stack.fetched")
def files_came(host_name: str, fact: Fact) -> None:
    """They become the stack's, unless its settings have changed since they were asked for."""
    with observation(Actor.host(host_name)):
        job = running_job(host_name, fact, "stack.fetch")
        # the stack's row first, as whoever changes its settings does
        stacks = Stack.objects.select_for_update(of=("self",)).select_related("host").filter(origin__job=job)
        stack = stacks.first() if job is not None else None
        origin = _held(job) if job is not None else None
        if job is None or stack is None or origin is None or not COMMIT.fullmatch(str(fact["commit"]["id"])):
            return
        origin.stack = stack
        commit = _commit(origin, fact["commit"])
        try:
            _take(origin, commit, dict(fact["files"]), list(fact["paths"]))
        except Invalid as error:
            origin.went_wrong(str(error), timezone.now())
        origin.taken = job.pk
        origin.save()
        publish_on_commit("rows.stacks", {"host": host_name})


@observes("attempt.ended")
def fetch_ended(host_name: str, fact: Fact) -> None:
    """One that failed, or of which nothing arrived."""
    with observation(Actor.host(host_name)):
        job = Job.objects.filter(pk=fact["job"], host__name=host_name, kind="stack.fetch").first()
        origin = _held(job) if job is not None and job.is_final else None
        if job is None or origin is None or origin.taken == job.pk:
            return
        origin.went_wrong(job.error or _("What was fetched did not arrive."), timezone.now())
        # once for each job
        origin.taken = job.pk
        origin.save()
        publish_on_commit("rows.stacks", {"host": host_name})


def note(origin: Origin, *, wrong: str = "") -> None:
    """It was looked at just now."""
    with observation(Actor.system("origins")):
        row = Origin.objects.select_for_update().get(pk=origin.pk)
        if wrong:
            row.went_wrong(wrong, timezone.now())
        else:
            row.went_well(timezone.now())
        row.save()
        publish_on_commit("rows.stacks", {"host": origin.stack.host.name})


def taken(origin: Origin, **until: datetime) -> bool:
    """Is it ours? One of its times is moved on, from what it was: of several who do that, one wins."""
    with observation(Actor.system("origins")):
        as_it_was = {name: getattr(origin, name) for name in until}
        return Origin.objects.filter(pk=origin.pk, **as_it_was).update(**until) == 1


def put_off(origin: Origin, until: datetime) -> None:
    with observation(Actor.system("origins")):
        Origin.objects.filter(pk=origin.pk).update(next_at=until)


def note_deployment(origin: Origin, **facts: Any) -> None:
    """What became of deploying it by itself: ``held``, ``settled``, ``deploy_at``, as far as they change."""
    with observation(Actor.system("origins")):
        Origin.objects.filter(pk=origin.pk, taken=origin.taken).update(**facts)
        publish_on_commit("rows.stacks", {"host": origin.stack.host.name})


def _held(job: Job) -> Origin | None:
    return Origin.objects.select_for_update(of=("self",)).filter(job=job).first()


def _commit(origin: Origin, told: dict[str, Any]) -> Commit:
    """Where it is of is what we have asked for; what it says of itself is cut to what can be shown."""
    words = {name: UNSEEN.sub(" ", str(told.get(name, "")))[:200] for name in ("subject", "author", "at")}
    place = {"url": origin.url, "directory": directory_of(origin.paths)}
    return Commit(str(told["id"]), **words, **place, username=origin.username, password=origin.password)


def _take(origin: Origin, commit: Commit, files: dict[str, str], paths: list[str]) -> None:
    stack, now = origin.stack, timezone.now()
    before, deployed = str(stack.commit.get("id", "")), origin.deployed
    is_same = (files, paths) == (stack.files, stack.paths) and before in (deployed, origin.settled) and bool(before)
    stack.commit = commit.as_json()
    keep_files(stack, files, paths, stack.variables, stack.profiles)
    origin.went_well(now)
    origin.held = ""
    if is_same and commit.id != before:
        origin.settled = commit.id
    origin.deploy_at = now if origin.deploys and origin.has_newer_than(deployed) else None
