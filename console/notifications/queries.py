"""Reading rules, channels, deliveries and silences where notification.view is held, and one's own list."""

from datetime import datetime
from typing import TypeVar

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from console.notifications.models import Channel, Delivery, Event, Note, OfWorkspace, Rule, Silence
from console.operations.actor import Actor
from console.operations.errors import Invalid, Missing
from console.operations.happenings import SEEN_WITH, EventKind
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded, policy
from console.secrets.models import Secret
from console.secrets.queries import usable_secrets
from console.secrets.uses import UNSEEN, finds_uses
from console.workspaces.models import Workspace
from console.workspaces.queries import get_workspace

PATHS = Paths(workspace="workspace_id")
OF_CHANNEL = Paths(workspace="channel__workspace_id")
MOST_NOTES = 100

Row = TypeVar("Row", bound=OfWorkspace)


def _visible(actor: Actor, rows: QuerySet[Row]) -> QuerySet[Row]:
    return bounded(actor, Permission.NOTIFICATION_VIEW, rows.select_related("workspace"), PATHS)


def find_owner(actor: Actor, slug: str) -> Workspace | None:
    """Whose something new is to be: the workspace named, or nobody's, which is the whole console's."""
    return get_workspace(actor, slug) if slug else None


def find_secret(actor: Actor, secret_id: int | None, *, workspace: Workspace | None) -> Secret:
    """One that the actor may use, of the channel's workspace if it has one. Invalid names ``secret``."""
    usable = {secret.pk: secret for secret in usable_secrets(actor)}
    secret = usable.get(secret_id or 0)
    if secret is None or (workspace is not None and secret.workspace_id != workspace.pk):
        raise Invalid(_("Choose a secret to sign with, of the same workspace."), field="secret")
    return secret


def secret_named(actor: Actor, name: str) -> int | None:
    """The key of the secret ``workspace/name`` that the actor may use, for ``find_secret`` to judge."""
    named = {f"{secret.workspace.slug}/{secret.name}": secret.pk for secret in usable_secrets(actor)} if name else {}
    return named.get(name)


def visible_rules(actor: Actor) -> QuerySet[Rule]:
    return _visible(actor, Rule.objects.prefetch_related("channels"))


def get_rule(actor: Actor, rule_id: int) -> Rule:
    rule = visible_rules(actor).filter(pk=rule_id).first()
    if rule is None:
        raise Missing(_("There is no such rule."))
    return rule


def visible_channels(actor: Actor) -> QuerySet[Channel]:
    return _visible(actor, Channel.objects.select_related("secret__workspace"))


def get_channel(actor: Actor, channel_id: int) -> Channel:
    channel = visible_channels(actor).filter(pk=channel_id).first()
    if channel is None:
        raise Missing(_("There is no such channel."))
    return channel


def visible_deliveries(actor: Actor, *, channel: Channel | None = None, state: str = "") -> QuerySet[Delivery]:
    """Newest first, with event and channel."""
    rows = Delivery.objects.select_related("event", "channel").order_by("-pk")
    deliveries = bounded(actor, Permission.NOTIFICATION_VIEW, rows, OF_CHANNEL)
    if channel is not None:
        deliveries = deliveries.filter(channel=channel)
    return deliveries.filter(state=state) if state else deliveries


def get_delivery(actor: Actor, delivery_id: int) -> Delivery:
    delivery = visible_deliveries(actor).filter(pk=delivery_id).first()
    if delivery is None:
        raise Missing(_("There is no such delivery."))
    return delivery


def visible_silences(actor: Actor, *, since: datetime | None = None) -> QuerySet[Silence]:
    """Those that last, or with ``since`` those that did then, too."""
    rows = Silence.objects.select_related("rule").filter(until__gt=since or timezone.now())
    return _visible(actor, rows)


def get_silence(actor: Actor, silence_id: int) -> Silence:
    silence = visible_silences(actor).filter(pk=silence_id).first()
    if silence is None:
        raise Missing(_("There is no such silence."))
    return silence


def own_notes(actor: Actor, *, unread: bool = False) -> list[Note]:
    """The latest hundred of one's own list, but for what one may not see any more."""
    rows = Note.objects.select_related("event__workspace", "event__host").filter(user_id=actor.user_pk or 0)
    if unread:
        rows = rows.filter(read_at=None)
    access = policy().access_of(actor)

    def may_see(note: Note) -> bool:
        event = note.event
        if event.kind not in SEEN_WITH:
            return True
        wanted = SEEN_WITH[EventKind(event.kind)]
        return (event.user_id == actor.user_pk and _reaches(actor, event, wanted)) or access.allows(
            wanted, at=event.place
        )

    return [note for note in rows.order_by("-pk")[:MOST_NOTES] if may_see(note)]


def _reaches(actor: Actor, event: Event, permission: Permission) -> bool:
    """What concerns oneself takes no grant that a token could narrow, so it is asked here what the token is for."""
    limits = actor.limits
    if limits is None:
        return True
    return permission in limits.permissions and limits.workspace_pk in (None, event.workspace_id)


@finds_uses
def channels_with(actor: Actor, secret: Secret) -> list[str]:
    """Channels that sign with the secret, or whose address it is; UNSEEN for one that the actor cannot see."""
    using = Q(secret=secret) | Q(url=secret.reference, secret__workspace_id=secret.workspace_id)
    seen = set(visible_channels(actor).filter(using).values_list("pk", flat=True))
    rows = Channel.objects.filter(using).values_list("pk", "name")
    return [_("channel %(name)s") % {"name": name} if pk in seen else UNSEEN for pk, name in rows]
