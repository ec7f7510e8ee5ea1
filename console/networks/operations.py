"""Making, removing, joining and leaving networks. Each becomes a job on the network's host."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.hosts.neighbours import Neighbour
from console.hosts.queries import get_host
from console.jobs.models import Job
from console.jobs.operations import add_job, judges_again, require_idle
from console.networks.models import PREDEFINED, Network
from console.networks.queries import get_network, names_in_use, own_container, own_networks, unused_networks
from console.networks.specs import spec_of
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.runner import Operation, operation, publish_on_commit
from console.workspaces.asked import Asked
from console.workspaces.asked_wires import asked_by_network
from console.workspaces.models import Workspace
from console.workspaces.placing import place_for_new, require_by_rules, require_workspace
from console.workspaces.queries import get_workspace, workspace_for_new
from console.workspaces.rules import Used, judge

CREATE = "network.create"
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
WORD = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}")
MOST_SUBNETS = 16
OWN_LABELS = "naru."


def create_network(
    actor: Actor,
    host_name: str,
    *,
    name: str,
    workspace: str = "",
    driver: str = "bridge",
    subnets: Sequence[Mapping[str, str]] = (),
    is_internal: bool = False,
    is_attachable: bool = False,
    has_ipv6: bool = False,
    options: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Job:
    """``subnets`` have a ``subnet`` and perhaps a ``gateway`` and an ``ip_range``; none: the engine chooses one.

    ``workspace`` is whose it will be; empty: the first in which the actor may. Its rules judge the name, the driver, an
    interface of the host that is asked for, and the addresses: Denied.

    Needs network.manage. Invalid and Conflict name ``name``, ``driver``, ``subnets``, ``options`` or ``labels``.
    """
    host = get_host(actor, host_name)
    owner = workspace_for_new(actor, workspace, Permission.NETWORK_MANAGE)
    inputs: dict[str, Any] = {"host": host.name, "workspace": str(owner) if owner else None, "name": name[:128]}
    with operation(actor, Permission.NETWORK_MANAGE, at=place_for_new(owner, host), driver=driver[:64], **inputs) as op:
        # held, so that two at once cannot both take the name
        owner = require_workspace(owner).locked()
        args: dict[str, Any] = {
            "name": _free_name(host, name),
            "driver": _checked_driver(driver),
            "subnets": _checked_subnets(subnets, has_ipv6=has_ipv6),
            "is_internal": is_internal,
            "is_attachable": is_attachable,
            "has_ipv6": has_ipv6,
            "options": _checked_texts(options or {}, field="options"),
            "labels": _checked_texts(labels or {}, field="labels"),
        }
        require_allowed(owner, host, args)
        op.details |= {"subnets": [one["subnet"] for one in args["subnets"]], "options": args["options"] or None}
        return add_job(op, CREATE, host=host, workspace=owner, args=args, on_name=args["name"])


def remove_network(actor: Actor, host_name: str, name: str) -> Job:
    """Conflict while a container is on it. Needs network.manage."""
    network = get_network(actor, host_name, name)
    with operation(actor, Permission.NETWORK_MANAGE, on=network, host=host_name, removed=True) as op:
        network = network.locked()
        network.require_ours()
        require_idle(network)
        if network.members:
            raise Conflict(
                _("Containers are on “%(name)s”. Have them leave it, or remove them, before it can go.")
                % {"name": network.name}
            )
        return _add(op, "network.remove", network)


def connect_container(
    actor: Actor,
    host_name: str,
    name: str,
    *,
    container: str,
    aliases: Sequence[str] = (),
    ipv4: str = "",
    ipv6: str = "",
) -> Job:
    """Have a container join; one that runs is on it at once. Needs network.manage over both.

    The rules of the container's workspace must let it on that network. Invalid names ``container``, ``aliases``,
    ``ipv4`` or ``ipv6``.
    """
    network = get_network(actor, host_name, name)
    with operation(actor, Permission.NETWORK_MANAGE, on=network, host=host_name, container=container[:255]) as op:
        network = network.locked()
        network.require_present()
        found = own_container(actor, network.host, container)
        if network.name in ("host", "none"):
            raise Conflict(_("“%(name)s” cannot be joined later on.") % {"name": network.name})
        if any(member["container"] == found.engine_id for member in network.members):
            raise Conflict(_("“%(name)s” is on this network already.") % {"name": found.name}, field="container")
        _require_may_join(found, network)
        endpoint = {
            "aliases": [_checked_word(alias) for alias in aliases],
            "ipv4": _checked_address(ipv4, network, field="ipv4", version=4),
            "ipv6": _checked_address(ipv6, network, field="ipv6", version=6),
        }
        named = {"container": found.engine_id, "container_name": found.name}
        return _add(op, "network.connect", network, **named, **endpoint)


def disconnect_container(actor: Actor, host_name: str, name: str, *, container: str, force: bool = False) -> Job:
    """Have a container leave. ``force`` also when its endpoint is broken. Needs network.manage over both."""
    network = get_network(actor, host_name, name)
    inputs: dict[str, Any] = {"host": host_name, "left_by": container[:255], "force": force or None}
    with operation(actor, Permission.NETWORK_MANAGE, on=network, **inputs) as op:
        network = network.locked()
        network.require_present()
        found = own_container(actor, network.host, container)
        if not any(member["container"] == found.engine_id for member in network.members):
            raise Conflict(_("“%(name)s” is not on this network.") % {"name": found.name}, field="container")
        named = {"container": found.engine_id, "container_name": found.name}
        return _add(op, "network.disconnect", network, **named, force=force)


def prune_networks(actor: Actor, host_name: str, *, workspace: str, names: Sequence[str]) -> Job:
    """Remove those of the workspace's networks that no container is on, as they were shown: ``names``. One that is used
    by then stays. Conflict when none of them is unused now. Needs network.manage.
    """
    host, owner = get_host(actor, host_name), get_workspace(actor, workspace)
    inputs: dict[str, Any] = {"host": host.name, "workspace": owner.slug, "pruned": list(names)[:200]}
    with operation(actor, Permission.NETWORK_MANAGE, at=place_for_new(owner, host), **inputs) as op:
        unused = [one for one in unused_networks(actor, host, owner) if one.name in set(names)]
        if not unused:
            raise Conflict(_("None of these networks is unused any more."))
        args = {"networks": [{"engine_id": one.engine_id, "name": one.name} for one in unused]}
        on_name = _("%(count)d networks") % {"count": len(unused)}
        return add_job(op, "network.prune", host=host, workspace=owner, args=args, on_name=on_name)


def move_network(actor: Actor, host_name: str, name: str, *, workspace: str) -> Network:
    """Give it to another workspace; the containers on it stay where they are. Needs workspace.manage."""
    network = get_network(actor, host_name, name)
    to = get_workspace(actor, workspace)
    with operation(actor, Permission.WORKSPACE_MANAGE, on=network, to=to.slug):
        network = network.locked()
        network.require_ours()
        network.workspace = to
        network.save(update_fields=["workspace"])
        publish_on_commit("rows.networks", {"host": host_name})
        # who could see it may not any more
        publish_on_commit("access")
    return network


def require_allowed(workspace: Workspace, host: Host, args: Mapping[str, Any]) -> None:
    """Denied, with all the reasons, unless the workspace's rules allow such a network."""
    asked = asked_by_network(spec_of(args).as_docker())
    require_by_rules(judge(workspace.rules, asked, workspace=workspace.slug, host=host.name, used=Used()))


@judges_again(CREATE)
def _judge_create_again(job: Job) -> None:
    if job.workspace is not None:
        require_allowed(job.workspace, job.host, job.args)
        _free_name(job.host, str(job.args["name"]))


def _require_may_join(container: Neighbour, network: Network) -> None:
    workspace_pk = container.place.workspace_pk
    if network.name == "bridge" or workspace_pk is None:
        return
    owner = Workspace.objects.get(pk=workspace_pk)
    used = Used(networks=own_networks(owner, network.host))
    asked = Asked(networks=(network.name,))
    require_by_rules(judge(owner.rules, asked, workspace=owner.slug, host=network.host.name, used=used))


def _add(op: Operation, kind: str, network: Network, **more: Any) -> Job:
    args = {"engine_id": network.engine_id, "name": network.name, **more}
    return add_job(op, kind, host=network.host, workspace=network.workspace, args=args, on=network)


def _free_name(host: Host, name: str) -> str:
    name = name.strip()
    if not NAME.fullmatch(name):
        raise Invalid(
            _("“%(name)s” is no network name: letters, digits, “_”, “.” and “-”.") % {"name": name[:128]}, field="name"
        )
    coming = Job.objects.filter(host=host, kind=CREATE, state__in=Job.ACTIVE, args__name=name)
    if name in PREDEFINED or name in names_in_use(host) or coming.exists():
        raise Conflict(_("The name “%(name)s” is in use on this host.") % {"name": name}, field="name")
    return name


def _checked_driver(driver: str) -> str:
    if not WORD.fullmatch(driver):
        raise Invalid(_("“%(name)s” is no driver.") % {"name": driver[:64]}, field="driver")
    return driver


def _checked_subnets(subnets: Sequence[Mapping[str, str]], *, has_ipv6: bool) -> list[dict[str, str]]:
    if len(subnets) > MOST_SUBNETS:
        raise Invalid(_("At most %(most)d subnets.") % {"most": MOST_SUBNETS}, field="subnets")
    checked = [_checked_subnet(one) for one in subnets]
    if not has_ipv6 and any(":" in one["subnet"] for one in checked):
        raise Invalid(_("A subnet of IPv6 addresses wants IPv6 switched on."), field="subnets")
    return checked


def _checked_subnet(given: Mapping[str, str]) -> dict[str, str]:
    text, gateway, ip_range = (given.get(name, "").strip() for name in ("subnet", "gateway", "ip_range"))
    try:
        subnet = ipaddress.ip_network(text)
        inside = (not gateway or ipaddress.ip_address(gateway) in subnet) and (
            not ip_range or ipaddress.ip_network(ip_range).subnet_of(subnet)  # type: ignore[arg-type]  # else TypeError
        )
    except (ValueError, TypeError) as error:
        why = {"text": " ".join(word for word in (text, gateway, ip_range) if word)[:120]}
        raise Invalid(_("“%(text)s” is no subnet with its gateway and range.") % why, field="subnets") from error
    if not inside:
        raise Invalid(_("Gateway and range must be inside %(subnet)s.") % {"subnet": subnet}, field="subnets")
    return {"subnet": str(subnet), "gateway": gateway, "ip_range": ip_range}


def _checked_texts(given: Mapping[str, str], *, field: str) -> dict[str, str]:
    for name, value in given.items():
        if not name or name.startswith(OWN_LABELS) or "\0" in name + value:
            raise Invalid(_("“%(entry)s” does not fit here.") % {"entry": name[:80]}, field=field)
    return dict(given)


def _checked_word(alias: str) -> str:
    if not WORD.fullmatch(alias):
        raise Invalid(_("“%(name)s” is no name for a container.") % {"name": alias[:64]}, field="aliases")
    return alias


def _checked_address(text: str, network: Network, *, field: str, version: int) -> str:
    """Engines let a container choose its address only where somebody chose the subnet; they say so themselves."""
    if not text:
        return ""
    try:
        address = ipaddress.ip_address(text.strip())
        subnets = [ipaddress.ip_network(one["subnet"]) for one in network.subnets if one.get("subnet")]
    except ValueError as error:
        raise Invalid(_("“%(text)s” is no address.") % {"text": text[:60]}, field=field) from error
    if address.version != version or not any(address in subnet for subnet in subnets):
        raise Invalid(_("%(address)s is not of this network.") % {"address": address}, field=field)
    return str(address)
