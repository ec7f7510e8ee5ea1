"""What the commands for a terminal share: how a stack is named, and waiting for a job."""

import time
from collections.abc import Callable
from pathlib import Path

from django.core.management.base import CommandError

from console.capsules.files import files
from console.capsules.models import StackCapsule
from console.jobs.models import Job
from console.stacks.models import Stack
from console.stacks.queries import present

LOOK_S = 0.5
COPY_BYTES = 1 << 20


def named_stack(text: str) -> Stack:
    """By its number, as HOST/NAME, or by its name where there is only one. CommandError otherwise."""
    rows = Stack.objects.filter(present()).select_related("host", "workspace", "removal")
    host, slash, name = text.rpartition("/")
    found = rows.filter(pk=int(text)) if text.isdecimal() and len(text) < 18 else rows.filter(name=name or host)
    found = found.filter(host__name=host) if slash else found
    matching = list(found[:2])
    if not matching:
        raise CommandError(f"there is no stack {text}")
    if len(matching) > 1:
        raise CommandError(f"several stacks are called {text}: name one as HOST/NAME, or by its number")
    return matching[0]


def ended(job: Job, tell: Callable[[str], object]) -> Job:
    """The job once it has ended. CommandError when it came to nothing."""
    tell(f"job {job.number} on {job.host.name} …")
    while not job.is_final:
        time.sleep(LOOK_S)
        job.refresh_from_db()
    if job.state != Job.State.SUCCEEDED:
        raise CommandError(f"job {job.number} {job.state}: {job.error}")
    return job


def copied_out(capsule: StackCapsule, to: Path) -> None:
    with files.open_kept(capsule.number) as kept, to.open("wb") as out:
        while piece := kept.read(COPY_BYTES):
            out.write(piece)
