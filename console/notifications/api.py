"""Rules, channels, deliveries, silences, and one's own notes."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Query, Router

from console.notifications import operations
from console.notifications.models import Channel
from console.notifications.observations import note_read
from console.notifications.queries import get_channel as find_channel
from console.notifications.queries import get_delivery as find_delivery
from console.notifications.queries import get_rule as find_rule
from console.notifications.queries import get_silence as find_silence
from console.notifications.queries import (
    own_notes,
    secret_named,
    visible_channels,
    visible_deliveries,
    visible_rules,
    visible_silences,
)
from console.notifications.schemas import (
    ChannelGiven,
    ChannelShown,
    DeliveryQuery,
    DeliveryShown,
    NewChannel,
    NewRule,
    NoteQuery,
    NoteShown,
    ReadGiven,
    RuleGiven,
    RuleShown,
    SilenceGiven,
    SilenceShown,
)
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import may
from console.rest.answers import accepted
from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, Paging, listing
from console.web.permits import require_held

router = Router()
RULE = "alerts/rules/{rule_id}"
CHANNEL = "alerts/channels/{channel_id}"
DELIVERY = "alerts/deliveries/{delivery_id}"
SILENCE = "alerts/silences/{silence_id}"


# --- rules ---


@router.get("alerts/rules", response=Listing[RuleShown])
def list_rules(request: HttpRequest, wanted: Query[Paging]) -> Listing[RuleShown]:
    """By name."""
    return listing(visible_rules(_viewer(request)), wanted, by="name", show=RuleShown.of)


@router.post("alerts/rules", response={201: RuleShown})
def create_rule(request: HttpRequest, response: HttpResponse, given: NewRule) -> RuleShown:
    made = operations.save_rule(actor_of(request), given.wanted)
    accepted(response, reverse("api:get_rule", args=[made.pk]))
    return RuleShown.of(made)


@router.get(RULE, response=RuleShown)
def get_rule(request: HttpRequest, rule_id: Path[Number]) -> RuleShown:
    return RuleShown.of(find_rule(_viewer(request), rule_id))


@router.put(RULE, response=RuleShown)
def change_rule(request: HttpRequest, rule_id: Path[Number], given: RuleGiven) -> RuleShown:
    actor = actor_of(request)
    saved = operations.save_rule(actor, given.wanted, rule_id=rule_id)
    return RuleShown.of(find_rule(actor, saved.pk))


@router.delete(RULE, response={204: None})
def delete_rule(request: HttpRequest, rule_id: Path[Number]) -> None:
    operations.delete_rule(actor_of(request), rule_id)


# --- channels ---


@router.get("alerts/channels", response=Listing[ChannelShown])
def list_channels(request: HttpRequest, wanted: Query[Paging]) -> Listing[ChannelShown]:
    """By name."""
    actor = _viewer(request)
    return listing(visible_channels(actor), wanted, by="name", show=lambda channel: _shown(actor, channel))


@router.post("alerts/channels", response={201: ChannelShown})
def create_channel(request: HttpRequest, response: HttpResponse, given: NewChannel) -> ChannelShown:
    actor = actor_of(request)
    made = operations.save_channel(actor, given.wanted(secret=secret_named(actor, given.secret)))
    accepted(response, reverse("api:get_channel", args=[made.pk]))
    return _shown(actor, made)


@router.get(CHANNEL, response=ChannelShown)
def get_channel(request: HttpRequest, channel_id: Path[Number]) -> ChannelShown:
    actor = _viewer(request)
    return _shown(actor, find_channel(actor, channel_id))


@router.put(CHANNEL, response=ChannelShown)
def change_channel(request: HttpRequest, channel_id: Path[Number], given: ChannelGiven) -> ChannelShown:
    actor = actor_of(request)
    wanted = given.wanted(secret=secret_named(actor, given.secret))
    return _shown(actor, operations.save_channel(actor, wanted, channel_id=channel_id))


@router.delete(CHANNEL, response={204: None})
def delete_channel(request: HttpRequest, channel_id: Path[Number]) -> None:
    """With its deliveries, when no rule tells by it."""
    operations.delete_channel(actor_of(request), channel_id)


@router.post(f"{CHANNEL}/test", response={202: DeliveryShown})
def test_channel(request: HttpRequest, response: HttpResponse, channel_id: Path[Number]) -> DeliveryShown:
    """Send a test by it: what came of it stands at the address in `Location`."""
    sent = operations.send_test(actor_of(request), channel_id)
    accepted(response, reverse("api:get_delivery", args=[sent.pk]))
    return DeliveryShown.of(sent)


def _shown(actor: Actor, channel: Channel) -> ChannelShown:
    return ChannelShown.of(channel, shows_url=may(actor, Permission.NOTIFICATION_MANAGE, on=channel))


# --- deliveries ---


@router.get("alerts/deliveries", response=Listing[DeliveryShown])
def list_deliveries(request: HttpRequest, wanted: Query[DeliveryQuery]) -> Listing[DeliveryShown]:
    """Newest first."""
    actor = _viewer(request)
    channel = find_channel(actor, wanted.channel) if wanted.channel is not None else None
    rows = visible_deliveries(actor, channel=channel, state=wanted.state or "")
    return listing(rows, wanted, by="-pk", show=DeliveryShown.of)


@router.get(DELIVERY, response=DeliveryShown)
def get_delivery(request: HttpRequest, delivery_id: Path[Number]) -> DeliveryShown:
    return DeliveryShown.of(find_delivery(_viewer(request), delivery_id))


@router.post(f"{DELIVERY}/retry", response={202: DeliveryShown})
def retry_delivery(request: HttpRequest, delivery_id: Path[Number]) -> DeliveryShown:
    """From the first attempt on, with the `uid` that it had."""
    return DeliveryShown.of(operations.resend_delivery(actor_of(request), delivery_id))


# --- silences ---


@router.get("alerts/silences", response=Listing[SilenceShown])
def list_silences(request: HttpRequest, wanted: Query[Paging]) -> Listing[SilenceShown]:
    """Those that last, the longest first."""
    return listing(visible_silences(_viewer(request)), wanted, by="-until", show=SilenceShown.of)


@router.post("alerts/silences", response={201: SilenceShown})
def add_silence(request: HttpRequest, response: HttpResponse, given: SilenceGiven) -> SilenceShown:
    made = operations.add_silence(actor_of(request), **given.wanted)
    accepted(response, reverse("api:get_silence", args=[made.pk]))
    return SilenceShown.of(made)


@router.get(SILENCE, response=SilenceShown)
def get_silence(request: HttpRequest, silence_id: Path[Number]) -> SilenceShown:
    """One that lasts."""
    return SilenceShown.of(find_silence(_viewer(request), silence_id))


@router.post(f"{SILENCE}/end", response=SilenceShown)
def end_silence(request: HttpRequest, silence_id: Path[Number]) -> SilenceShown:
    """At once."""
    return SilenceShown.of(operations.end_silence(actor_of(request), silence_id))


# --- one's own list ---


@router.get("notes", response=list[NoteShown])
def list_notes(request: HttpRequest, wanted: Query[NoteQuery]) -> list[NoteShown]:
    """Your own list: the latest hundred, newest first."""
    return [NoteShown.of(note) for note in own_notes(actor_of(request), unread=wanted.unread)]


@router.post("notes/read", response={204: None})
def mark_notes_read(request: HttpRequest, given: ReadGiven) -> None:
    """All of your own list up to one of it: what came since stays unread."""
    note_read(actor_of(request), up_to=given.up_to)


def _viewer(request: HttpRequest) -> Actor:
    return require_held(actor_of(request), Permission.NOTIFICATION_VIEW)
