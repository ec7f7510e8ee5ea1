"""Hosts for a stack that may go anywhere: what is known of each, and which is best. A rule of operations."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.hosts.queries import visible_hosts
from console.operations.actor import Actor
from console.operations.errors import Conflict
from console.stacks.planning.placing import Candidate, Placing, ranked
from console.stacks.sources import Source, checked_files
from console.stats.capacity import HostState, states_of
from console.workspaces.asked import Asked
from console.workspaces.models import Workspace
from console.workspaces.rules import Used, judge


def placings_for(
    actor: Actor,
    owner: Workspace,
    files: Mapping[str, str],
    paths: Sequence[str] = ("compose.yaml",),
    variables: Mapping[str, str] | None = None,
    profiles: Sequence[str] = (),
) -> list[Placing]:
    """Of all hosts that the actor sees, best first. ComposeInvalid."""
    source = Source("/srv/stack", "stack", checked_files(files), tuple(paths), variables or {}, tuple(profiles))
    project = source.load().project
    return ranked(project, [_candidate(owner, one) for one in states_of(visible_hosts(actor), with_sparks=False)])


def best_of(placings: Sequence[Placing]) -> Host | None:
    """None where none fits."""
    return Host.objects.get(name=placings[0].host.name) if placings and placings[0].fits else None


def require_best(placings: Sequence[Placing]) -> Host:
    """Conflict (``host``) with all the reasons."""
    host = best_of(placings)
    if host is None:
        told = [f"{one.host.name}: {' '.join(one.reasons)}" for one in placings]
        raise Conflict(" ".join([_("No host fits."), *told]), field="host")
    return host


def _candidate(owner: Workspace, state: HostState) -> Candidate:
    host, promised, use = state.host, state.promised, state.use
    used_cpus = (use.cpu or 0.0) * use.cpus / 100 if use is not None else 0.0
    used_memory = use.memory if use is not None else 0.0
    refusals = judge(owner.rules, Asked(), workspace=owner.slug, host=host.name, used=Used())
    return Candidate(
        host.name,
        host.info.get("labels") or {},
        str(host.info.get("os") or "linux"),
        str(host.info.get("architecture") or ""),
        float(state.cpus),
        int(state.memory_total),
        state.cpus - max(used_cpus, promised.cpus),
        int(state.memory_total - max(used_memory, promised.memory)),
        promised.running,
        is_stale=host.is_stale,
        refusal=" ".join(one.message for one in refusals if one.rule == "hosts"),
    )
