"""Changing rules, channels and silences, trying a channel, and sending again what was given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from console.jobs import sending
from console.notifications.models import Channel, Delivery, Event, Rule, Silence
from console.notifications.queries import (
    find_owner,
    find_secret,
    get_channel,
    get_delivery,
    get_rule,
    get_silence,
    visible_channels,
)
from console.notifications.words import TEST
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.happenings import EventKind
from console.operations.permissions import Permission
from console.operations.policy import Place
from console.operations.runner import operation, publish_on_commit
from console.outbound.addresses import parse_url
from console.secrets.queries import require_usable
from console.secrets.references import name_in, names_in

MOST_ADDRESSES = 20


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """``workspace`` empty: of the whole console. ``channels`` are primary keys."""

    name: str
    workspace: str = ""
    events: Sequence[str] = ()
    name_pattern: str = ""
    label: str = ""
    tells_people: bool = False
    channels: Sequence[int] = ()
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """``secret`` is the primary key of one of the workspace's secrets; a webhook needs it."""

    name: str
    workspace: str = ""
    kind: str = Channel.Kind.WEBHOOK
    url: str = ""
    secret: int | None = None
    addresses: str = ""
    is_active: bool = True


def save_rule(actor: Actor, facts: RuleFacts, *, rule_id: int | None = None) -> Rule:
    """Make a rule, or change one; whose it is stays. Needs notification.manage there. Invalid names the field."""
    rule = get_rule(actor, rule_id) if rule_id is not None else Rule(workspace=find_owner(actor, facts.workspace))
    inputs: dict[str, Any] = {"name": facts.name[:80], "events": list(facts.events)[:20]}
    with operation(actor, Permission.NOTIFICATION_MANAGE, at=rule.place, **inputs) as op:
        _check_rule(facts)
        channels = list(visible_channels(actor).filter(pk__in=facts.channels))
        if len(channels) != len(set(facts.channels)) or any(c.workspace_id != rule.workspace_id for c in channels):
            raise Invalid(_("Choose channels of the same workspace as the rule."), field="channels")
        rule.name, rule.events = facts.name.strip()[:80], sorted(facts.events)
        rule.name_pattern, rule.label = facts.name_pattern.strip(), facts.label.strip()
        rule.tells_people, rule.is_active = facts.tells_people, facts.is_active
        rule.save()
        rule.channels.set(channels)
        op.target(rule)
        op.details["channels"] = [channel.name for channel in channels]
        publish_on_commit("rows.rules")
    return rule


def delete_rule(actor: Actor, rule_id: int) -> None:
    rule = get_rule(actor, rule_id)
    with operation(actor, Permission.NOTIFICATION_MANAGE, on=rule, deleted=True):
        rule.delete()
        publish_on_commit("rows.rules")


def save_channel(actor: Actor, facts: ChannelFacts, *, channel_id: int | None = None) -> Channel:
    """Make a channel, or change one; whose it is and its kind stay. Needs notification.manage there.

    ``url`` may be ``secret:NAME``, of the workspace that the signing secret is of: many an address is a password.

    Invalid names the field. Whether an address may be asked is judged each time that it is.
    """
    new = Channel(workspace=find_owner(actor, facts.workspace), kind=facts.kind) if channel_id is None else None
    channel = new or get_channel(actor, channel_id or 0)
    with operation(actor, Permission.NOTIFICATION_MANAGE, at=channel.place, name=facts.name[:80]) as op:
        channel.name, channel.is_active = _checked_name(facts.name), facts.is_active
        if channel.kind == Channel.Kind.EMAIL:
            channel.addresses = "\n".join(_checked_addresses(facts.addresses))
        elif channel.kind == Channel.Kind.WEBHOOK:
            secret = find_secret(actor, facts.secret, workspace=channel.workspace)
            # held, so that they are not removed meanwhile
            require_usable(actor, secret.workspace, [secret.name], field="secret")
            require_usable(actor, secret.workspace, names_in([facts.url]), field="url")
            if name_in(facts.url) is None:
                parse_url(facts.url, field="url")
            channel.url, channel.secret = facts.url, secret
        else:
            raise Invalid(_("A channel is a webhook or an email."), field="kind")
        channel.save()
        op.target(channel)
        # of an address only the host: the rest may be a secret
        op.details["where"] = channel.where[:200]
        publish_on_commit("rows.channels")
    return channel


def delete_channel(actor: Actor, channel_id: int) -> None:
    """With its deliveries. Conflict while a rule tells by it."""
    channel = get_channel(actor, channel_id)
    with operation(actor, Permission.NOTIFICATION_MANAGE, on=channel, deleted=True):
        if names := ", ".join(channel.rules.values_list("name", flat=True)):
            raise Conflict(_("Rules tell by it: %(names)s.") % {"names": names})
        channel.delete()
        publish_on_commit("rows.channels")


def send_test(actor: Actor, channel_id: int) -> Delivery:
    """An event of its own by this channel alone. Needs notification.manage."""
    channel = get_channel(actor, channel_id)
    with operation(actor, Permission.NOTIFICATION_MANAGE, on=channel, test=True):
        event = Event.objects.create(
            kind=TEST,
            about=f"channel:{channel.pk}",
            name=channel.name,
            workspace=channel.workspace,
            handled_at=timezone.now(),
        )
        delivery = Delivery.objects.create(event=event, channel=channel)
        _ring()
    return delivery


def resend_delivery(actor: Actor, delivery_id: int) -> Delivery:
    """From the first attempt on, with the id that it had. Conflict while it waits. Needs notification.manage."""
    delivery = get_delivery(actor, delivery_id)
    with operation(actor, Permission.NOTIFICATION_MANAGE, on=delivery.channel, delivery=str(delivery.uid)):
        delivery = Delivery.objects.select_for_update(of=("self",)).select_related("channel").get(pk=delivery.pk)
        if delivery.state == Delivery.State.WAITING:
            raise Conflict(_("It is on its way."))
        delivery.state, delivery.attempts, delivery.next_at = Delivery.State.WAITING, 0, timezone.now()
        delivery.leased_until = delivery.ended_at = None
        delivery.save()
        _ring()
    return delivery


def add_silence(
    actor: Actor,
    *,
    until: datetime,
    reason: str,
    workspace: str = "",
    rule_id: int | None = None,
    kind: str = "",
    name_pattern: str = "",
) -> Silence:
    """Needs notification.silence in the workspace, or over everything without one. Invalid names the field."""
    rule = get_rule(actor, rule_id) if rule_id is not None else None
    owner = find_owner(actor, workspace)
    place = Place(workspace_pk=owner.pk if owner else None)
    inputs: dict[str, Any] = {
        "until": until.isoformat(timespec="minutes"),
        "reason": reason[:255],
        "event": kind[:32] or None,
    }
    with operation(actor, Permission.NOTIFICATION_SILENCE, at=place, **inputs) as op:
        if until <= timezone.now():
            raise Invalid(_("The end lies in the past."), field="until")
        if not reason.strip():
            raise Invalid(_("Say why: others will ask why nothing was told."), field="reason")
        if kind and kind not in set(EventKind):
            raise Invalid(_("There is no such event."), field="kind")
        if rule is not None and rule.workspace_id != place.workspace_pk:
            raise Invalid(_("Choose a rule of the same workspace."), field="rule")
        silence = Silence.objects.create(
            workspace=owner,
            rule=rule,
            kind=kind,
            name_pattern=name_pattern.strip()[:255],
            until=until,
            reason=reason.strip()[:255],
            by_name=actor.name[:150],
        )
        op.target(silence)
        publish_on_commit("rows.silences")
    return silence


def end_silence(actor: Actor, silence_id: int) -> Silence:
    silence = get_silence(actor, silence_id)
    with operation(actor, Permission.NOTIFICATION_SILENCE, on=silence, ended=True):
        silence = Silence.objects.select_for_update().get(pk=silence.pk)
        silence.until = timezone.now()
        silence.save()
        publish_on_commit("rows.silences")
    return silence


# --- what they share ---


def _check_rule(facts: RuleFacts) -> None:
    _checked_name(facts.name)
    if not facts.events:
        raise Invalid(_("Choose at least one event."), field="events")
    if set(facts.events) - set(EventKind):
        raise Invalid(_("There is no such event."), field="events")
    if not facts.channels and not facts.tells_people:
        raise Invalid(_("Choose a channel, or tell people in the console."), field="channels")
    if len(facts.name_pattern) > 255 or len(facts.label) > 255:
        raise Invalid(_("At most 255 characters."), field="label" if len(facts.label) > 255 else "name_pattern")


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > 80:
        raise Invalid(_("A name of at most 80 characters."), field="name")
    return name.strip()


def _checked_addresses(text: str) -> list[str]:
    addresses = list(dict.fromkeys(text.replace(",", " ").split()))
    if not 1 <= len(addresses) <= MOST_ADDRESSES:
        raise Invalid(_("Give one to 20 addresses."), field="addresses")
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError as error:
            raise Invalid(_("“%(address)s” is no address.") % {"address": address[:80]}, field="addresses") from error
    return addresses


def _ring() -> None:
    publish_on_commit("rows.deliveries")
    transaction.on_commit(sending.ring_notifications)
