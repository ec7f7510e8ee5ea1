"""The containers a host has, as its agent reports them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from console.containers.changes import Known, tell
from console.containers.models import Container, Revision
from console.containers.queries import revisions_of
from console.containers.specs.spec import ContainerSpec
from console.containers.troubles import Before, troubles
from console.hosts.facts import ContainerFact
from console.hosts.models import Host
from console.images.observations import makes_images
from console.jobs.facts import Fact, observes
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.happenings import happened
from console.operations.runner import observation, publish_on_commit
from console.secrets.models import Secret
from console.secrets.references import names_in
from console.workspaces.models import Workspace
from console.workspaces.observations import first_workspace

for _kind in ("container.run", "container.replace"):
    makes_images(_kind, only_if_named=True)

# kinds of jobs that make containers, and whose workspace those are then
_making = ["container.run", "container.clone", "container.replace"]


def makes_containers(kind: str) -> None:
    """Say that containers which carry the number of such a job belong to its workspace."""
    _making.append(kind)


@observes("host.inventory")
def all_containers_seen(host_name: str, fact: Fact) -> None:
    """Rows as the host has them. The row of one that is gone stays, dated: its jobs and audit rows lead there."""
    with observation(Actor.host(host_name)):
        host = Host.objects.filter(name=host_name).first()
        if host is None:
            return
        seen = _facts(fact)
        changed = _write(host, seen)
        rows = Container.objects.filter(host=host, gone_at=None)
        gone = _write_gone(rows.exclude(engine_id__in=[one.engine_id for one in seen]))
        if changed or gone:
            publish_on_commit("rows.containers", {"host": host_name})


@observes("containers.seen")
def containers_seen(host_name: str, fact: Fact) -> None:
    """Some of the host's containers, as a job has just left them."""
    with observation(Actor.host(host_name)):
        host = Host.objects.filter(name=host_name).first()
        if host is not None and _write(host, _facts(fact)):
            publish_on_commit("rows.containers", {"host": host_name})


@observes("containers.gone")
def containers_gone(host_name: str, fact: Fact) -> None:
    with observation(Actor.host(host_name)):
        rows = Container.objects.filter(host__name=host_name, gone_at=None, engine_id__in=fact["engine_ids"])
        if _write_gone(rows):
            publish_on_commit("rows.containers", {"host": host_name})


def _write_gone(rows: QuerySet[Container]) -> bool:
    """Whether any went."""
    going = list(rows)
    for row in going:
        before = Known.of(row)
        row.gone_at = timezone.now()
        row.save(update_fields=["gone_at"])
        tell(row, before)
    return bool(going)


def _facts(fact: Fact) -> list[ContainerFact]:
    return [ContainerFact.from_json(entry) for entry in fact["containers"]]


def _write(host: Host, seen: list[ContainerFact]) -> bool:
    """Add and correct rows; whether any had to be."""
    known = {
        row.engine_id: row for row in Container.objects.filter(host=host, engine_id__in=[s.engine_id for s in seen])
    }
    known_pks = {row.pk for row in known.values()}
    changed = False
    for fact in seen:
        values = _values(fact)
        row = known.get(fact.engine_id)
        job = _job_of(host, fact) if row is None else None
        row = row or _new(host, fact, job)
        before, known_before = Before.of(row), Known.of(row) if row.pk else None
        if row.pk and all(getattr(row, name) == value for name, value in values.items()):
            continue
        for name, value in values.items():
            setattr(row, name, value)
        row.seen_at = timezone.now()
        row.save()
        if job is not None:
            _remember(row, job)
        if row.pk in known_pks or job is not None:
            # of what was there before the console, nobody knows since when
            for trouble in troubles(row, before):
                happened(trouble)
        tell(row, known_before)
        changed = True
    return changed


def _new(host: Host, fact: ContainerFact, job: Job | None) -> Container:
    row = Container(host=host, engine_id=fact.engine_id, workspace=_workspace_of(job))
    if job is not None and job.kind == "container.replace":
        before = Container.objects.filter(host=host, engine_id=job.args["engine_id"]).first()
        row.first = (before.first or before) if before is not None else None
    return row


def _remember(row: Container, job: Job) -> None:
    """What of the job stays with the container that it has just made."""
    if names := _secrets_inside(job.args):
        row.secrets.set(Secret.objects.filter(workspace=job.workspace, name__in=names))
    if job.kind in WITH_SPEC and not revisions_of(row).exists():
        item: dict[str, Any] = next((one for one in job.args.get("clones", ()) if one["name"] == row.name), {})
        spec = ContainerSpec.from_json({**job.args, **item}).as_json()
        facts = {"cause": Revision.Cause.RUN, "job": job, "actor_name": job.actor_name}
        Revision.objects.create(first=row, number=1, spec=spec, **facts)


def _secrets_inside(args: Mapping[str, Any]) -> set[str]:
    """Of those that the job is given: not what only its pull has signed in with."""
    of_pull = set(args.get("pull", {}).get("secrets", ()))
    return set(args.get("secrets", ())) - (of_pull - set(names_in(args.get("env", {}).values())))


# those whose arguments are a container's specification
WITH_SPEC = ("container.run", "container.clone")


def _job_of(host: Host, fact: ContainerFact) -> Job | None:
    """That which made it."""
    number = fact.labels.get("naru.job", "")
    if not number.isdecimal() or len(number) > 18:
        return None
    return Job.objects.select_related("workspace").filter(pk=int(number), host=host, kind__in=_making).first()


def _workspace_of(job: Job | None) -> Workspace:
    """That of the job which made it; what nobody asked for here belongs to the first."""
    return job.workspace if job is not None and job.workspace is not None else first_workspace()


def _values(fact: ContainerFact) -> dict[str, Any]:
    return {
        "name": fact.name,
        "image": fact.image,
        "image_engine_id": fact.image_engine_id,
        "command": fact.command,
        "state": fact.state,
        "exit_code": fact.exit_code,
        "ports": fact.ports,
        "labels": fact.labels,
        "memory_bytes": fact.memory_bytes,
        "cpus": fact.cpus,
        "has_tty": fact.has_tty,
        "oom_killed": fact.oom_killed,
        "health": fact.health[:16],
        "restart_count": fact.restart_count,
        "shape": fact.shape,
        "created_at": datetime.fromisoformat(fact.created_at),
        "started_at": _time(fact.started_at),
        "finished_at": _time(fact.finished_at),
        "gone_at": None,
    }


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
