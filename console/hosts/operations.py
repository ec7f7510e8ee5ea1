"""Hosts, as an administrator adds, renames and removes them; and the keys that their agents call with."""

import re
import secrets
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from console.hosts.calls import TOPIC
from console.hosts.leaving import follow, leave, what_holds, what_holds_its_name
from console.hosts.models import Host
from console.hosts.queries import get_host
from console.hosts.tunnel.addresses import address_of
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.runner import operation, publish_on_commit
from console.rest.credentials import Credential
from console.workspaces.models import Workspace

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# the address of the form
RESERVED = "new"
# what rows of removed hosts are called
REMOVED = re.compile(r".*-removed-[0-9]+")
UNIX = re.compile(r"unix:///[^\s?#\x00]{1,200}")
TCP = re.compile(r"tcp://(?:[A-Za-z0-9.-]{1,200}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """``text`` exists only here: the row keeps a hash."""

    host: Host
    text: str = field(repr=False)


def add_host(actor: Actor, *, name: str, address: str = "") -> IssuedKey:
    """A host, and the key that its agent calls with. Needs host.manage and a recent proof.

    ``address`` is where the console reaches its engine itself, ``unix:///path`` or ``tcp://host:port``; empty: through
    the agent's call. Invalid and Conflict name a parameter.
    """
    credential = Credential.new()
    with operation(actor, Permission.HOST_MANAGE, name=name[:80], address=address[:255] or None) as op:
        host = Host(name=_checked_name(name), address=_checked_address(address) if address else "")
        _give_key(host, credential)
        host.save()
        if not address:
            host.address = address_of(host.pk)
            host.save(update_fields=["address"])
        op.target(host)
        publish_on_commit("rows.hosts")
    return IssuedKey(host, credential.text)


def renew_key(actor: Actor, name: str) -> IssuedKey:
    """Another key. The one before opens nothing from now on, and a call that was made with it ends.

    Jobs are signed with another key, too. Needs host.manage and a recent proof.
    """
    host, credential = get_host(actor, name), Credential.new()
    with operation(actor, Permission.HOST_MANAGE, on=host, key="renewed" if host.has_key else "made"):
        host = host.locked()
        _give_key(host, credential)
        host.save()
        _told(host)
    return IssuedKey(host, credential.text)


def revoke_key(actor: Actor, name: str) -> Host:
    """Nobody calls for this host until it is given another key. Needs host.manage and a recent proof."""
    host = get_host(actor, name)
    with operation(actor, Permission.HOST_MANAGE, on=host, key="revoked"):
        host = host.locked()
        if not host.has_key:
            raise Conflict(_("It has no key."))
        _take_key(host)
        host.save()
        _told(host)
    return host


def rename_host(actor: Actor, name: str, *, new_name: str) -> Host:
    """Its agent learns the name when it calls again, which it is made to. Needs host.manage and a recent proof.

    Conflict while jobs are under way there, and for a host whose agent does not call: that one has its name from its
    own settings.
    """
    host = get_host(actor, name)
    with operation(actor, Permission.HOST_MANAGE, on=host, renamed=new_name[:80]):
        host = host.locked()
        if not host.has_key:
            raise Conflict(_("This host has its name from NARU_HOST_NAME on its own machine."), field="new_name")
        if holding := list(what_holds_its_name(host)):
            raise Conflict(_("Wait for these first: %(things)s") % {"things": _few(holding)}, field="new_name")
        host.name = _checked_name(new_name, field="new_name")
        host.save(update_fields=["name"])
        _rename_in_rules(name, host.name)
        _told(host)
        transaction.on_commit(lambda: follow(name, new_name))
    return host


def remove_host(actor: Actor, name: str, *, force: bool = False) -> None:
    """Off all lists, with what was known to be on it. Nothing on the machine is touched; what is on record stays.

    Conflict while stacks, schedules or jobs are there, unless ``force``. Needs host.manage and a recent proof.
    """
    host = get_host(actor, name)
    with operation(actor, Permission.HOST_MANAGE, on=host, removed=True, force=force or None) as op:
        host = host.locked()
        holding = list(what_holds(host))
        if holding and not force:
            raise Conflict(_("These are still there: %(things)s") % {"things": _few(holding)})
        op.details["left"] = _few(holding) or None
        leave(host)
        _take_key(host)
        host.name = f"{name[: 63 - 9 - len(str(host.pk))]}-removed-{host.pk}"
        host.removed_at, host.state = timezone.now(), Host.State.UNKNOWN
        host.save()
        _told(host)
        publish_on_commit("access")


def _give_key(host: Host, credential: Credential) -> None:
    host.key_prefix, host.key_hash, host.key_made_at = credential.prefix, credential.secret_hash, timezone.now()
    host.signing_salt, host.call_id = secrets.token_hex(16), ""


def _take_key(host: Host) -> None:
    host.key_prefix, host.key_hash, host.key_made_at = None, "", None
    # what is signed for it from now on is for nobody who knew the key before
    host.signing_salt, host.call_id = secrets.token_hex(16), ""


def _told(host: Host) -> None:
    publish_on_commit(TOPIC)
    publish_on_commit("rows.hosts", {"name": host.name})


def _checked_name(name: str, *, field: str = "name") -> str:
    if not NAME.fullmatch(name) or REMOVED.fullmatch(name) or name == RESERVED:
        raise Invalid(_("A short name: small letters, digits and “-”, at most 63."), field=field)
    if Host.objects.filter(name=name).exists():
        raise Conflict(_("There is a host “%(name)s” already.") % {"name": name}, field=field)
    return name


def _checked_address(address: str) -> str:
    tcp = TCP.fullmatch(address)
    if not UNIX.fullmatch(address) and not (tcp and 0 < int(tcp[1]) < 65536):
        raise Invalid(_("Write unix:///path/of/the.sock or tcp://host:port."), field="address")
    return address


def _rename_in_rules(old: str, new: str) -> None:
    """Workspaces say by name which hosts they may use."""
    for workspace in Workspace.objects.select_for_update():
        names = workspace.rules.hosts
        if old in names:
            workspace.rules_json |= {"hosts": [new if name == old else name for name in names]}
            workspace.save(update_fields=["rules_json"])


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
