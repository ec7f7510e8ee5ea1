"""Jobs for the command palette: by number, or by what they were about."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from console.jobs.queries import visible_jobs
from console.operations.actor import Actor
from console.web.hits import Hit, finds
from console.web.states import kind_name

MOST_BY_NAME = 4
# names are not indexed: only so far back
LATEST = 500


@finds
def jobs(actor: Actor, words: str) -> Iterator[Hit]:
    if not words:
        return
    number = words.removeprefix("#")
    known = visible_jobs(actor)
    if number.isdecimal() and len(number) <= 18:
        found = list(known.filter(pk=int(number)))
    else:
        newest = known.values_list("pk", flat=True)[:LATEST]
        found = list(known.filter(pk__in=list(newest), on_name__icontains=words)[:MOST_BY_NAME])
    for job in found:
        title = f"#{job.number} {kind_name(job.kind)}"
        under = _("Job, %(state)s: %(name)s") % {"state": job.get_state_display(), "name": job.on_name}
        yield Hit(title, under, reverse("jobs:job", args=[job.number]), "list-check", name=f"#{job.number}")
