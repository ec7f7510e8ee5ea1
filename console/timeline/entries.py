"""One thing that happened, as pages and the API tell it, whatever table it is in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.urls import reverse
from django.utils.translation import gettext as _

from console.audit.models import AuditEntry
from console.jobs.models import Job
from console.operations.permissions import Permission
from console.operations.runner import Outcome
from console.timeline.models import Change
from console.timeline.words import icon_of, lines_of, sentence_of
from console.web.states import kind_name, look_of

# what no engine has a word for
CONCLUDED = (Change.Kind.REPLACED, Change.Kind.RECONFIGURED, *Change.OF_HOSTS)


class Origin(StrEnum):
    """Who says so."""

    ENGINE = "engine"
    OBSERVED = "observed"
    JOB = "job"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Entry:
    """``kind`` is the change's, the job's or the audited action; ``who`` is a person where one asked.

    ``lines`` are what it consists of, each with a name; ``state`` is a job's, ``link`` leads to more.
    """

    origin: Origin
    number: int
    at: datetime
    kind: str
    sentence: str
    icon: str
    host: str = ""
    name: str = ""
    name_link: str = ""
    who: str = ""
    link: str = ""
    state: str = ""
    is_trouble: bool = False
    lines: list[tuple[str, str]] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.origin}-{self.number}"

    @property
    def words(self) -> str:
        return f"{self.name} {self.sentence}".strip()


def entry_of_change(change: Change) -> Entry:
    container = change.container
    link = ""
    if container is not None:
        link = reverse("containers:container", args=[change.host.name, container.key])
    elif change.kind in Change.OF_IMAGES and change.workspace_id is not None and len(change.engine_id) == 64:
        link = reverse("images:image", args=[change.host.name, change.engine_id[:12]])
    elif change.kind in Change.OF_NETWORKS and change.workspace_id is not None:
        link = reverse("networks:network", args=[change.host.name, change.engine_id[:12]])
    return Entry(
        origin=Origin.OBSERVED if change.is_observed and change.kind not in CONCLUDED else Origin.ENGINE,
        number=int(change.pk),
        at=change.at,
        kind=change.kind,
        sentence=sentence_of(change),
        icon=icon_of(change),
        host=change.host.name,
        name=change.name or change.engine_id[:12],
        name_link=link,
        is_trouble=change.is_trouble,
        lines=lines_of(change),
    )


def entry_of_job(job: Job) -> Entry:
    words = {"what": kind_name(job.kind), "name": job.on_name}
    return Entry(
        origin=Origin.JOB,
        number=job.number,
        at=job.created_at,
        kind=job.kind,
        sentence=(_("asked for: %(what)s %(name)s") % words).strip(),
        icon=look_of(job.state, of="job").icon,
        host=job.host.name,
        who=job.actor_name,
        link=reverse("jobs:job", args=[job.number]),
        state=job.state,
        is_trouble=job.state == Job.State.FAILED,
    )


def entry_of_audit(entry: AuditEntry) -> Entry:
    is_allowed = entry.outcome == Outcome.ALLOWED
    words: Mapping[str, str] = {"action": entry.action, "name": entry.target_name}
    said = _("did: %(action)s %(name)s") if is_allowed else _("was refused: %(action)s %(name)s")
    shown = ("holder", "role", "scope", "revoked", "to", "ended")
    lines = [(name, str(entry.details[name])) for name in shown if entry.details.get(name) not in (None, "", False)]
    return Entry(
        origin=Origin.AUDIT,
        number=entry.seq,
        at=entry.at,
        kind=entry.action,
        sentence=(said % words).strip(),
        icon=_KEY if entry.action == Permission.GRANT_MANAGE else look_of(entry.outcome).icon,
        who=entry.actor_name,
        link=reverse("audit:entry", args=[entry.seq]),
        state=entry.outcome,
        is_trouble=not is_allowed,
        lines=lines if is_allowed else [*lines, (_("Reason"), entry.reason)],
    )


_KEY = "key"
