"""Rows of notifications as tests want them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from console.notifications.models import Channel, Delivery, Event, Rule, Silence
from console.operations.governed import writes_allowed
from console.operations.happenings import EventKind


def make_channel(name: str, **facts: Any) -> Channel:
    given = {"kind": "webhook", "url": "https://hooks.example/path-canary", **facts}
    with writes_allowed("factory"):
        return Channel.objects.create(name=name, **given)


def make_rule(name: str, *channels: Channel, **facts: Any) -> Rule:
    given = {"events": [kind.value for kind in EventKind], **facts}
    with writes_allowed("factory"):
        rule = Rule.objects.create(name=name, **given)
        rule.channels.set(channels)
    return rule


def make_event(name: str = "web-1", **facts: Any) -> Event:
    given = {"kind": "container.oom", "about": "container:1", "details": {"host": "local"}, **facts}
    with writes_allowed("factory"):
        return Event.objects.create(name=name, **given)


def make_delivery(channel: Channel, **facts: Any) -> Delivery:
    event = facts.pop("event", None) or make_event(handled_at=timezone.now(), workspace=channel.workspace)
    with writes_allowed("factory"):
        return Delivery.objects.create(event=event, channel=channel, **{"state": "dead", **facts})


def make_silence(reason: str, **facts: Any) -> Silence:
    given = {"until": timezone.now() + timedelta(hours=1), **facts}
    with writes_allowed("factory"):
        return Silence.objects.create(reason=reason, **given)
