"""How long jobs that have ended stay, with their output: by age and by number, per workspace; pinned ones always."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import Q, QuerySet
from django.utils import timezone

from console.jobs import output
from console.jobs.models import Job, JobRules
from console.jobs.operations import remove_ended
from console.workspaces.models import Workspace

BATCH = 500
# a file may be there before its row is: it is sealed first
FILE_GRACE_S = 3600.0
# of a job whose output could not be sealed, all that could be saved has been by then
UNSEALED_GRACE = timedelta(days=1)
# primary keys of jobs that something above still goes by
Keeps = Callable[[], Iterable[int]]
_keeping: list[Keeps] = []


def keeps_jobs(keeps: Keeps) -> Keeps:
    """Say which jobs stay, however old and many they are."""
    _keeping.append(keeps)
    return keeps


def prune() -> int:
    """Remove what need not stay any more, with one audit row for each batch. Returns how many jobs.

    Safe to be killed at any point, and to run twice at once.
    """
    now = timezone.now()
    rules = {row.workspace_id: row for row in JobRules.objects.all()}
    removed = 0
    for workspace in [*Workspace.objects.order_by("pk"), None]:
        mine = rules.get(workspace.pk) if workspace is not None else None
        for numbers in _batches(workspace, mine or JobRules(), now=now):
            removed += _remove(workspace, numbers)
    _sweep_files()
    return removed


def due(workspace: Workspace | None, rules: JobRules, *, now: datetime) -> QuerySet[Job]:
    """Those that have ended, are not pinned, and are older or more than the rules let stay."""
    ended = Job.objects.filter(workspace=workspace, state__in=Job.FINAL, pinned_at=None).order_by("pk")
    ended = ended.exclude(output_sealed_at=None, finished_at__gt=now - UNSEALED_GRACE)
    ended = ended.exclude(pk__in={pk for keeps in _keeping for pk in keeps()})
    too_old = Q(finished_at__lt=now - timedelta(days=rules.keep_days)) if rules.keep_days else Q(pk__in=())
    return ended.filter(too_old | _too_many(workspace, rules))


def _too_many(workspace: Workspace | None, rules: JobRules) -> Q:
    if not rules.keep_count:
        return Q(pk__in=())
    ended = Job.objects.filter(workspace=workspace, state__in=Job.FINAL, pinned_at=None).order_by("-pk")
    newest_too_many = ended.values_list("pk", flat=True)[rules.keep_count : rules.keep_count + 1].first()
    return Q(pk__lte=newest_too_many) if newest_too_many is not None else Q(pk__in=())


def _batches(workspace: Workspace | None, rules: JobRules, *, now: datetime) -> Iterator[list[int]]:
    while numbers := list(due(workspace, rules, now=now).values_list("pk", flat=True)[:BATCH]):
        yield numbers


def _remove(workspace: Workspace | None, numbers: list[int]) -> int:
    """The rows first: a file without a row is swept, a row without its file would be a lie."""
    going = remove_ended(workspace, numbers)
    for number in going:
        output.sealed_path(number).unlink(missing_ok=True)
    return len(going)


def _sweep_files() -> None:
    """What a crash between row and file left."""
    folder = output.sealed_path(0).parent
    old = [path for path in _sealed_files(folder) if time.time() - path.stat().st_mtime > FILE_GRACE_S]
    for start in range(0, len(old), BATCH):
        part = {int(path.stem): path for path in old[start : start + BATCH]}
        known = set(Job.objects.filter(pk__in=part).values_list("pk", flat=True))
        for number in part.keys() - known:
            part[number].unlink(missing_ok=True)


def _sealed_files(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return [path for path in folder.iterdir() if path.suffix == ".jsonl" and path.stem.isdecimal()]
    return []
