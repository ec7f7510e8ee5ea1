"""How long sessions that have ended stay, with their recordings: by age, per workspace."""

import contextlib
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from console.terminals import recordings
from console.terminals.models import Terminal
from console.terminals.operations import remove_ended
from console.terminals.queries import rules_of
from console.workspaces.models import Workspace

BATCH: Final = 500
# a file may be there before its row says so: it is sealed first
FILE_GRACE_S: Final = 3600.0


def prune() -> int:
    """Remove what need not stay any more, with one audit row for each batch. Returns how many sessions.

    Safe to be killed at any point, and to run twice at once.
    """
    now, removed = timezone.now(), 0
    for workspace in Workspace.objects.order_by("pk"):
        for numbers in _batches(workspace, rules_of(workspace).keep_days, now=now):
            removed += _remove(workspace, numbers)
    _sweep_files()
    return removed


def due(workspace: Workspace, keep_days: int, *, now: datetime) -> QuerySet[Terminal]:
    ended = Terminal.objects.filter(workspace=workspace).exclude(ended_at=None).order_by("pk")
    return ended.filter(ended_at__lt=now - timedelta(days=keep_days)) if keep_days else ended.none()


def _batches(workspace: Workspace, keep_days: int, *, now: datetime) -> Iterator[list[int]]:
    while numbers := list(due(workspace, keep_days, now=now).values_list("pk", flat=True)[:BATCH]):
        yield numbers


def _remove(workspace: Workspace, numbers: list[int]) -> int:
    """The rows first: a file without a row is swept, a row without its file would be a lie."""
    going = remove_ended(workspace, numbers)
    for number in going:
        recordings.sealed_path(number).unlink(missing_ok=True)
    return len(going)


def _sweep_files() -> None:
    """What a crash between row and file left."""
    old = {int(path.stem): path for path in _files() if time.time() - path.stat().st_mtime > FILE_GRACE_S}
    numbers = sorted(old)
    for start in range(0, len(numbers), BATCH):
        part = numbers[start : start + BATCH]
        known = set(Terminal.objects.filter(pk__in=part).values_list("pk", flat=True))
        for number in set(part) - known:
            old[number].unlink(missing_ok=True)


def _files() -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return [path for path in recordings.folder().iterdir() if path.stem.isdecimal()]
    return []
