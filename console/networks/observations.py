"""The networks a host has, as its agent reports them."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from console.hosts.models import Host
from console.hosts.wires import JOB_LABEL, NetworkFact
from console.jobs.facts import Fact, observes
from console.jobs.models import Job
from console.networks.models import Network
from console.operations.actor import Actor
from console.operations.runner import observation, publish_on_commit
from console.workspaces.models import Workspace
from console.workspaces.observations import first_workspace, workspace_by_prefix


@observes("host.inventory")
def networks_seen(host_name: str, fact: Fact) -> None:
    """Rows as the host has them. The row of one that is gone stays, dated: its jobs and audit rows lead there."""
    if "networks" not in fact:
        # an agent from before there were networks
        return
    with observation(Actor.host(host_name)):
        host = Host.objects.filter(name=host_name).first()
        if host is None:
            return
        seen = [NetworkFact.from_json(entry) for entry in fact["networks"]]
        known = {row.engine_id: row for row in Network.objects.filter(host=host)}
        changed = [one for one in seen if _write(host, one, known.get(one.engine_id))]
        present = Network.objects.filter(host=host, gone_at=None)
        gone = present.exclude(engine_id__in=[one.engine_id for one in seen]).update(gone_at=timezone.now())
        if changed or gone:
            publish_on_commit("rows.networks", {"host": host_name})


@observes("networks.gone")
def networks_gone(host_name: str, fact: Fact) -> None:
    with observation(Actor.host(host_name)):
        rows = Network.objects.filter(host__name=host_name, gone_at=None, engine_id__in=fact["engine_ids"])
        if rows.update(gone_at=timezone.now()):
            publish_on_commit("rows.networks", {"host": host_name})


def _write(host: Host, fact: NetworkFact, row: Network | None) -> bool:
    """Whether the row had to be made or changed."""
    values = _values(fact)
    if row is not None and all(getattr(row, name) == value for name, value in values.items()):
        return False
    row = row or Network(host=host, engine_id=fact.engine_id, workspace=_workspace_of(host, fact))
    for name, value in values.items():
        setattr(row, name, value)
    row.seen_at = timezone.now()
    row.save()
    return True


def _workspace_of(host: Host, fact: NetworkFact) -> Workspace:
    """That of the job which made it, or the one whose name it begins with; what is nobody's belongs to the first."""
    number = fact.labels.get(JOB_LABEL, "")
    if number.isdecimal() and len(number) <= 18:
        jobs = Job.objects.filter(pk=int(number), host=host, kind="network.create", args__name=fact.name)
        job = jobs.select_related("workspace").first()
        if job is not None and job.workspace is not None:
            return job.workspace
    return workspace_by_prefix(fact.name) or first_workspace()


def _values(fact: NetworkFact) -> dict[str, Any]:
    return {
        "name": fact.name[:255],
        "driver": fact.driver[:64],
        "scope": fact.scope[:16],
        "is_internal": fact.is_internal,
        "is_attachable": fact.is_attachable,
        "has_ipv6": fact.has_ipv6,
        "subnets": fact.subnets,
        "options": fact.options,
        "labels": fact.labels,
        "members": fact.members,
        "created_at": datetime.fromisoformat(fact.created_at),
        "gone_at": None,
    }
