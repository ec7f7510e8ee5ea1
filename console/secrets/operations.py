"""Making, setting, showing and removing secrets, and changing the key they are encrypted with.

No value is an operation's input as far as the audit log is concerned: rows name secret and version.
"""

from django.utils import timezone
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.policy import NOWHERE, Place
from console.operations.runner import operation, publish_on_commit
from console.secrets.keys import forget_key, key_numbers, new_key
from console.secrets.models import Secret, SecretVersion
from console.secrets.queries import get_secret
from console.secrets.references import NAME
from console.secrets.uses import uses_of
from console.secrets.values import decrypt, encrypt
from console.workspaces.placing import require_workspace
from console.workspaces.queries import workspace_for_new

# shorter ones could not be hidden in a job's output without hiding half of it
LEAST_CHARACTERS = 4
MOST_BYTES = 32 * 1024
# values of older ones are destroyed
KEPT_VERSIONS = 10
_BATCH = 200


def create_secret(actor: Actor, workspace: str, *, name: str, value: str, note: str = "") -> Secret:
    """Needs secret.manage in the workspace; "": the first in which the actor may. Invalid or Conflict names ``name``
    or ``secret_value``.
    """
    found = workspace_for_new(actor, workspace, Permission.SECRET_MANAGE)
    where = Place(workspace_pk=found.pk) if found else NOWHERE
    with operation(actor, Permission.SECRET_MANAGE, at=where, workspace=str(found or ""), name=name[:63]) as op:
        owner = require_workspace(found)
        if not NAME.fullmatch(name):
            raise Invalid(_("A name: letters, digits, “_”, “.” and “-”, at most 63."), field="name")
        _check(value)
        if Secret.objects.filter(workspace=owner, name=name).exists():
            raise Conflict(_("There is a secret “%(name)s” already.") % {"name": name}, field="name")
        secret = Secret.objects.create(workspace=owner, name=name, note=note[:200])
        op.target(secret)
        _add_version(secret, value, by=actor.name)
    return secret


def set_secret(actor: Actor, workspace: str, name: str, *, value: str) -> SecretVersion:
    """A new version, which is used from now on; what runs already has the value it was started with.

    Needs secret.manage. Invalid names ``secret_value``.
    """
    secret = get_secret(actor, workspace, name)
    with operation(actor, Permission.SECRET_MANAGE, on=secret) as op:
        _check(value)
        secret = Secret.objects.select_for_update().get(pk=secret.pk)
        version = _add_version(secret, value, by=actor.name)
        op.details["version"] = version.number
        secret.changed_at = version.set_at
        secret.save(update_fields=["changed_at"])
        secret.versions.filter(number__lte=version.number - KEPT_VERSIONS).update(sealed=None)
    return version


def reveal_secret(actor: Actor, workspace: str, name: str, *, version: int | None = None) -> str:
    """The value, of the newest version or another. On record; needs secret.reveal and a recent proof of who asks."""
    secret = get_secret(actor, workspace, name)
    with operation(actor, Permission.SECRET_REVEAL, on=secret) as op:
        found = secret.newest if version is None else secret.versions.filter(number=version).first()
        if found is None:
            raise Invalid(_("There is no version %(n)d.") % {"n": version or 0}, field="version")
        op.details["version"] = found.number
        return decrypt(found)


def remove_secret(actor: Actor, workspace: str, name: str) -> None:
    """With all its versions. Conflict, saying by whom, while it is used. Needs secret.manage."""
    secret = get_secret(actor, workspace, name)
    with operation(actor, Permission.SECRET_MANAGE, on=secret, deleted=True):
        # who refers to it holds it meanwhile (queries.require_usable)
        secret = Secret.objects.select_for_update().get(pk=secret.pk)
        if uses := uses_of(actor, secret):
            words = {"name": secret.name, "uses": ", ".join(uses)}
            raise Conflict(_("“%(name)s” is used by: %(uses)s.") % words)
        secret.delete()
        publish_on_commit("rows.secrets")


def rotate_keys() -> int:
    """Encrypt all values with a new key. Returns how many. Can be cut short anywhere, and begun again.

    Keys that nothing is encrypted with any more are removed, but for the last one before: a process that writes just
    now may still have it in hand.
    """
    number, done = new_key(), 0
    with operation(Actor.system("secrets"), Permission.SECRET_ROTATE, key=number):
        pass
    while rows := _behind(number):
        with operation(Actor.system("secrets"), Permission.SECRET_ROTATE, key=number, versions=len(rows)):
            for version in SecretVersion.objects.select_for_update().filter(pk__in=rows):
                if version.sealed is not None:
                    encrypt(version, decrypt(version))
                    version.save(update_fields=["key_number", "sealed"])
        done += len(rows)
    used = set(SecretVersion.objects.exclude(sealed=None).values_list("key_number", flat=True))
    for old in key_numbers()[:-2]:
        if old not in used:
            forget_key(old)
    return done


def _behind(number: int) -> list[int]:
    rows = SecretVersion.objects.exclude(sealed=None).filter(key_number__lt=number)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:_BATCH])


def _add_version(secret: Secret, value: str, *, by: str) -> SecretVersion:
    version = SecretVersion(secret=secret, number=secret.next_number, set_at=timezone.now(), set_by_name=by[:150])
    encrypt(version, value)
    version.save()
    publish_on_commit("rows.secrets")
    return version


def _check(value: str) -> None:
    if len(value) < LEAST_CHARACTERS:
        raise Invalid(_("A secret is at least 4 characters long."), field="secret_value")
    try:
        size_bytes = len(value.encode())
    except UnicodeEncodeError as error:
        raise Invalid(_("A secret is text without a zero byte."), field="secret_value") from error
    if size_bytes > MOST_BYTES:
        raise Invalid(_("A secret is at most 32 KiB long."), field="secret_value")
    if "\0" in value:
        raise Invalid(_("A secret is text without a zero byte."), field="secret_value")
