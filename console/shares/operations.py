"""Making and ending links for others, and putting on record that one was opened."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from console.accounts.limits import network_of
from console.accounts.models import User
from console.accounts.queries import get_myself
from console.accounts.tokens import hash_token, new_token
from console.containers.queries import get_container, require_logs
from console.jobs.queries import get_job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.governed import Governed
from console.operations.permissions import OpenAction
from console.operations.runner import operation, publish_on_commit
from console.shares.models import OPENINGS_LAST_S, Share
from console.shares.queries import Opened, find_shown, get_share

LONGEST_HOURS = 30 * 24
MOST_ACTIVE = 50


@dataclass(frozen=True, slots=True)
class IssuedShare:
    """``token`` exists only here: the row keeps its hash. The link's path is ``/shared/<token>/``."""

    share: Share
    token: str

    @property
    def path(self) -> str:
        return f"/shared/{self.token}/"


def share_container_log(actor: Actor, host_name: str, name: str, *, hours: int, note: str = "") -> IssuedShare:
    """Anybody who has the link reads the container's log for ``hours``. For who may read it; never by a token.

    Invalid names ``hours`` or ``note``.
    """
    container = get_container(actor, host_name, name)
    with operation(actor, OpenAction.SHARE_MAKE, on=container, hours=hours) as op:
        require_logs(actor, container)
        facts = {"kind": Share.Kind.CONTAINER_LOG, "container": container, "host": container.host}
        issued = _make(get_myself(actor), container, hours=hours, note=note, **facts, workspace=container.workspace)
        op.details["share"] = issued.share.pk
    return issued


def share_job_output(actor: Actor, number: int, *, hours: int, note: str = "") -> IssuedShare:
    """The same for a job's output."""
    job = get_job(actor, number)
    with operation(actor, OpenAction.SHARE_MAKE, on=job, hours=hours) as op:
        facts = {"kind": Share.Kind.JOB_OUTPUT, "job": job, "host": job.host, "workspace": job.workspace}
        issued = _make(get_myself(actor), job, hours=hours, note=note, **facts)
        op.details["share"] = issued.share.pk
    return issued


def revoke_share(actor: Actor, share_id: int) -> Share:
    """The link ends now, for pages that are open too. For its maker, and for who manages grants where it leads."""
    share = get_share(actor, share_id)
    with operation(actor, OpenAction.SHARE_REVOKE, on=share):
        share = share.locked()
        if share.state != Share.State.ACTIVE:
            raise Conflict(_("This link has ended already."))
        share.revoked_at = timezone.now()
        share.save(update_fields=["revoked_at"])
        publish_on_commit("rows.shares")
    return share


def open_share(actor: Actor, token: str) -> Opened:
    """What the link shows. That it was opened is on record, once an hour for each network it is opened from."""
    opened = find_shown(token)
    now, network = timezone.now(), network_of(actor.address)
    if not opened.share.was_opened_from(network, now):
        with operation(actor, OpenAction.SHARE_OPEN, on=opened.share):
            share = opened.share.locked()
            recent = {name: at for name, at in share.openings.items() if now.timestamp() - at < OPENINGS_LAST_S}
            share.openings = {**recent, network: int(now.timestamp())}
            share.last_opened_at = now
            share.save(update_fields=["openings", "last_opened_at"])
    return opened


def _make(maker: User, shown: Governed, *, hours: int, note: str, **facts: Any) -> IssuedShare:
    note = note.strip()
    if not 1 <= hours <= LONGEST_HOURS:
        raise Invalid(_("A link works for 1 to 720 hours."), field="hours")
    if len(note) > 120 or not note.isprintable():
        raise Invalid(_("A note has at most 120 letters."), field="note")
    now = timezone.now()
    if Share.objects.filter(maker=maker, revoked_at=None, expires_at__gt=now).count() >= MOST_ACTIVE:
        raise Conflict(_("You have %(most)d links that work. Revoke some first.") % {"most": MOST_ACTIVE})
    token = new_token()
    share = Share.objects.create(
        token_hash=hash_token(token),
        shown_name=shown.target_name[:255],
        maker=maker,
        note=note,
        created_at=now,
        expires_at=now + timedelta(hours=hours),
        **facts,
    )
    publish_on_commit("rows.shares")
    return IssuedShare(share, token)
