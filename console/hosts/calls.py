"""An agent at the door: whose key it shows, and that its call is the one that counts."""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from django.utils import timezone

from console.accounts import limits
from console.hosts.models import Host
from console.hosts.observations import tell_if_changed
from console.hosts.tunnel.frames import ENDED, REPLACED
from console.operations.actor import Actor
from console.operations.errors import Denied
from console.operations.permissions import OpenAction
from console.operations.runner import observation, operation, publish_on_commit
from console.rest.credentials import Credential

# rung when a call may not count any more; heard by those who hold calls
TOPIC = "host-calls"
# an agent that calls again and again from one place has one row in the audit log for it
ON_RECORD_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Called:
    host_pk: int
    name: str
    signing_salt: str
    call_id: str = ""


def who_is(text: str, *, address: str) -> Called:
    """Whose key ``text`` is. Raises Denied, which is on record, for one that is nobody's."""
    return _called(_host_of(text, address=address))


def take_call(text: str, *, address: str) -> Called:
    """As ``who_is``; from now on this call of the host's agent is the one that counts, and an earlier one ends."""
    host = _host_of(text, address=address)
    actor, call_id, now = replace(Actor.host(host.name), address=address), secrets.token_hex(16), timezone.now()
    network = limits.network_of(address)
    replaces = host.is_called and bool(host.call_id)
    is_known = host.called_from == network and host.called_at is not None and now - host.called_at < ON_RECORD_FOR
    if is_known and not replaces:
        with observation(actor):
            _write(host, call_id=call_id)
    else:
        with operation(actor, OpenAction.HOST_CALL, on=host, replaced=replaces or None):
            _write(host, call_id=call_id, called_at=now, called_from=network)
    return replace(_called(host), call_id=call_id)


def keep_call(called: Called, *, heard: bool) -> int:
    """0 while the call counts, which is written down if the agent was ``heard``; else how to hang up (tunnel.frames).

    Pages are told when the host is back by it.
    """
    host = Host.objects.filter(pk=called.host_pk).first()
    if host is None or not host.has_key or host.removed_at or host.name != called.name:
        return ENDED
    if host.call_id != called.call_id:
        return ENDED if host.signing_salt != called.signing_salt else REPLACED
    if heard:
        with observation(Actor.host(host.name)):
            was_called = host.is_called
            _write(host, heard_at=timezone.now())
            tell_if_changed(host)
            host.save(update_fields=["lost_at"])
            if not was_called:
                publish_on_commit("rows.hosts")
    return 0


def end_call(called: Called) -> None:
    """The agent has hung up, or was. What was ``heard`` grows old by itself: it may call again in a moment."""
    with observation(Actor.host(called.name)):
        host = Host.objects.filter(pk=called.host_pk, call_id=called.call_id).first()
        if host is None:
            return
        _write(host, call_id="")


def _write(host: Host, **values: object) -> None:
    """These columns alone: the agent's reports write others at the same time."""
    for name, value in values.items():
        setattr(host, name, value)
    host.save(update_fields=list(values))
    if "call_id" in values:
        publish_on_commit(TOPIC)


def _host_of(text: str, *, address: str) -> Host:
    credential = Credential.parse(text)
    host = Host.objects.filter(key_prefix=credential.prefix, removed_at=None).first() if credential else None
    if host is None or credential is None or not credential.matches(host.key_hash):
        raise _refused(credential, address=address)
    return host


def _refused(credential: Credential | None, *, address: str) -> Denied:
    """Bad keys are counted with bad API tokens: each is on record, until there are too many from there."""
    stranger, now = Actor.of_user(None, address=address), timezone.now()
    refusal = Denied("this is no host's key")
    if limits.is_shut(stranger, kind=limits.Kind.TOKEN, now=now):
        return refusal
    too_many = limits.admit(stranger, "", now=now, kind=limits.Kind.TOKEN)
    why = "too many bad keys from there; those that follow have no row" if too_many else str(refusal)
    try:
        with operation(stranger, OpenAction.HOST_CALL, shown=f"naru_{credential.prefix}" if credential else None):
            raise Denied(why)
    except Denied:
        return refusal


def _called(host: Host) -> Called:
    return Called(host.pk, host.name, host.signing_salt)
