"""Reading links: one's own, and those to things where one manages grants. And what a link shows, asked as its maker."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from console.accounts.queries import get_myself
from console.accounts.tokens import hash_token
from console.containers.models import Container
from console.containers.queries import get_container_for_logs
from console.jobs.models import Job
from console.jobs.queries import get_job
from console.operations.actor import Actor
from console.operations.errors import Denied, Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded
from console.shares.models import Share

PATHS = Paths(workspace="workspace_id", host="host_id")


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that works, and what it shows: one of the two."""

    share: Share
    container: Container | None = None
    job: Job | None = None


def visible_shares(actor: Actor) -> QuerySet[Share]:
    """Newest first, those that have ended too."""
    me = get_myself(actor)
    managed = bounded(actor, Permission.GRANT_MANAGE, Share.objects.all(), PATHS)
    shares = Share.objects.select_related("maker", "workspace", "host")
    return shares.filter(Q(maker=me) | Q(pk__in=managed.values("pk"))).order_by("-pk")


def get_share(actor: Actor, share_id: int) -> Share:
    share = visible_shares(actor).filter(pk=share_id).first()
    if share is None:
        raise Missing(_("There is no such link."))
    return share


def find_shown(token: str) -> Opened:
    """What the link shows now. Knowing its token is the permission, as long as its maker may read that; Missing for all
    that does not work: one that is none, has ended, or whose maker may not read it any more.
    """
    share = Share.objects.select_related("maker", "container", "job").filter(token_hash=hash_token(token)).first()
    if share is not None and share.state == Share.State.ACTIVE and share.maker.is_active:
        try:
            return _shown(share)
        except (Denied, Missing):
            pass
    raise Missing(_("This link does not work, or does not work any more."))


def _shown(share: Share) -> Opened:
    maker = Actor.of_user(share.maker)
    if share.kind == Share.Kind.CONTAINER_LOG:
        return Opened(share, container=get_container_for_logs(maker, share.container_id or 0))
    return Opened(share, job=get_job(maker, share.job_id or 0))
