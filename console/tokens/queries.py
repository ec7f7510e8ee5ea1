"""Reading tokens: one's own, and those of others for who may manage people."""

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from console.accounts.models import User
from console.accounts.queries import get_myself, get_user
from console.operations.actor import Actor
from console.operations.errors import Denied, Missing
from console.operations.permissions import Permission
from console.operations.policy import may
from console.rest.credentials import Credential
from console.tokens.models import ApiToken


def own_tokens(actor: Actor) -> QuerySet[ApiToken]:
    """Newest first, those that ended a while ago too."""
    return ApiToken.objects.filter(user=get_myself(actor)).select_related("workspace", "user")


def get_own_token(actor: Actor, token_pk: int) -> ApiToken:
    return _one(own_tokens(actor), token_pk)


def tokens_of(actor: Actor, user_pk: int) -> QuerySet[ApiToken]:
    """Needs user.manage. Missing for somebody who is not in sight."""
    person = get_user(actor, user_pk)
    wanted = Permission.USER_MANAGE
    if not may(actor, wanted, on=person):
        raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)
    return ApiToken.objects.filter(user=person).select_related("workspace", "user")


def get_token_of(actor: Actor, user_pk: int, token_pk: int) -> ApiToken:
    return _one(tokens_of(actor, user_pk), token_pk)


def active_tokens(user: User) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(user=user, revoked_at=None, expires_at__gt=timezone.now())


def ended_before(user: User, moment: object) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(Q(revoked_at__lt=moment) | Q(expires_at__lt=moment), user=user)


def find_token(credential: Credential) -> ApiToken | None:
    """The row whose secret this is, active or not, its person along. Knowing the secret is the permission."""
    token = ApiToken.objects.select_related("user").filter(prefix=credential.prefix).first()
    return token if token is not None and credential.matches(token.secret_hash) else None


def _one(tokens: QuerySet[ApiToken], token_pk: int) -> ApiToken:
    token = tokens.filter(pk=token_pk).first()
    if token is None:
        raise Missing(_("There is no such token."))
    return token
