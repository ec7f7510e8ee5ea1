"""Rules, channels, deliveries, silences and one's own notes as the API is told of them and shows them."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from console.notifications.models import Channel, Delivery, Note, Rule, Silence
from console.notifications.operations import ChannelFacts, RuleFacts
from console.operations.happenings import EventKind
from console.rest.schemas import Flag, Given, Moment, Number, Paging, Shown, Whole, words
from console.web.keyset import LARGEST

Kind = Annotated[Channel.Kind, words(Channel.Kind)]
State = Annotated[Delivery.State, words(Delivery.State)]
Id = Annotated[Whole, Field(ge=1, le=LARGEST)]
OWNER = Field("", max_length=40, description="Whose it is; empty: the whole console's.")


class RuleShown(Shown):
    id: int
    name: str
    workspace: str | None
    events: list[str]
    name_pattern: str
    label: str
    tells_people: bool
    channels: list[int]
    is_active: bool
    created_at: datetime

    @classmethod
    def of(cls, rule: Rule) -> Self:
        return cls(
            id=rule.pk,
            name=rule.name,
            workspace=rule.workspace.slug if rule.workspace else None,
            events=rule.events,
            name_pattern=rule.name_pattern,
            label=rule.label,
            tells_people=rule.tells_people,
            channels=sorted(channel.pk for channel in rule.channels.all()),
            is_active=rule.is_active,
            created_at=rule.created_at,
        )


class RuleGiven(Given):
    """All of it: what is left out has its default. Whose it is stays."""

    name: str = Field(max_length=80)
    events: list[EventKind] = Field(min_length=1, max_length=len(EventKind))
    name_pattern: str = Field("", max_length=255, description="Only things so named, with `*` for anything.")
    label: str = Field("", max_length=255, description="Only things with it: `key=value`, or `key` alone.")
    tells_people: Flag = Field(False, description="In the console, everybody who may see the thing.")
    channels: list[Id] = Field(default_factory=list, max_length=100, description="Their ids; of the same workspace.")
    is_active: Flag = True

    @property
    def wanted(self) -> RuleFacts:
        return RuleFacts(**{**self.model_dump(), "events": [kind.value for kind in self.events]})


class NewRule(RuleGiven):
    workspace: str = OWNER


class ChannelShown(Shown):
    id: int
    name: str
    workspace: str | None
    kind: Kind
    where: str = Field(description="Addresses, or of a URL only whose it is.")
    url: str | None = Field(description="null without notification.manage there: it may be a password.")
    secret: str | None = Field(description="What requests are signed with, as `workspace/name`; null as `url` is.")
    addresses: list[str]
    is_active: bool
    created_at: datetime

    @classmethod
    def of(cls, channel: Channel, *, shows_url: bool) -> Self:
        secret = channel.secret if shows_url else None
        return cls(
            id=channel.pk,
            name=channel.name,
            workspace=channel.workspace.slug if channel.workspace else None,
            kind=Channel.Kind(channel.kind),
            where=channel.where,
            url=channel.url if shows_url else None,
            secret=f"{secret.workspace.slug}/{secret.name}" if secret else None,
            addresses=channel.addresses.split(),
            is_active=channel.is_active,
            created_at=channel.created_at,
        )


class ChannelGiven(Given):
    """All of it: what is left out has its default. Whose it is and its kind stay."""

    name: str = Field(max_length=80)
    url: str = Field("", max_length=2000, description="Of a webhook. May be `secret:NAME`.")
    secret: str = Field("", max_length=104, description="To sign a webhook's requests with: `workspace/name`.")
    addresses: list[str] = Field(default_factory=list, max_length=20, description="Of an email channel.")
    is_active: Flag = True

    def wanted(self, *, secret: int | None) -> ChannelFacts:
        """``secret``: the row that ``self.secret`` names."""
        return ChannelFacts(**{**self.model_dump(), "secret": secret, "addresses": "\n".join(self.addresses)})


class NewChannel(ChannelGiven):
    kind: Kind
    workspace: str = OWNER


class AttemptShown(Shown):
    at: datetime
    code: int | None
    error: str
    took_ms: int


class DeliveryShown(Shown):
    id: int
    uid: str = Field(description="The same at each attempt.")
    event: str = Field(description="Its kind.")
    name: str = Field(description="Of what it happened to.")
    text: str
    channel: int
    state: State
    attempts: int
    next_at: datetime | None = Field(description="Of the next attempt, while it waits.")
    history: list[AttemptShown] = Field(description="The attempts, the latest last.")
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        history: list[dict[str, Any]] = delivery.history
        return cls(
            id=delivery.pk,
            uid=str(delivery.uid),
            event=delivery.event.kind,
            name=delivery.event.name,
            text=delivery.event.text,
            channel=delivery.channel_id,
            state=Delivery.State(delivery.state),
            attempts=delivery.attempts,
            next_at=delivery.next_at if delivery.state == Delivery.State.WAITING else None,
            history=[AttemptShown(**tried) for tried in history],
            created_at=delivery.created_at,
            ended_at=delivery.ended_at,
        )


class DeliveryQuery(Paging):
    state: State | None = None
    channel: Number | None = Field(None, description="The id of one.")


class SilenceShown(Shown):
    id: int
    workspace: str | None
    rule: int | None
    kind: str = Field(description="Of events; empty: any.")
    name_pattern: str
    until: datetime
    reason: str
    by: str
    created_at: datetime

    @classmethod
    def of(cls, silence: Silence) -> Self:
        return cls(
            id=silence.pk,
            workspace=silence.workspace.slug if silence.workspace else None,
            rule=silence.rule_id,
            kind=silence.kind,
            name_pattern=silence.name_pattern,
            until=silence.until,
            reason=silence.reason,
            by=silence.by_name,
            created_at=silence.created_at,
        )


class SilenceGiven(Given):
    until: Moment
    reason: str = Field(min_length=1, max_length=255)
    workspace: str = OWNER
    rule: Id | None = Field(None, description="The id of one; null: any.")
    kind: EventKind | None = Field(None, description="Of events; null: any.")
    name_pattern: str = Field("", max_length=255, description="Only things so named, with `*` for anything.")

    @property
    def wanted(self) -> dict[str, Any]:
        given = self.model_dump(exclude={"rule", "kind"})
        return {**given, "rule_id": self.rule, "kind": self.kind.value if self.kind else ""}


class NoteShown(Shown):
    id: int
    event: str = Field(description="Its kind.")
    name: str = Field(description="Of what it happened to.")
    text: str
    link: str = Field(description="The page of it.")
    count: int = Field(description="How often it happened.")
    first_at: datetime
    last_at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, note: Note) -> Self:
        event = note.event
        return cls(
            id=note.pk,
            event=event.kind,
            name=event.name,
            text=event.text,
            link=event.link,
            count=event.count,
            first_at=event.first_at,
            last_at=event.last_at,
            read_at=note.read_at,
        )


class NoteQuery(Given):
    unread: bool = Field(False, description="Only those.")


class ReadGiven(Given):
    up_to: Id = Field(description="The id of the newest that was read.")
