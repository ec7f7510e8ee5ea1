"""From rows to values and back. Whoever has a value in hand keeps it from logs, rows and pages."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from console.operations.errors import Missing
from console.secrets.keys import current_key, key
from console.secrets.models import Secret, SecretVersion
from console.secrets.sealing import NotOurs, seal, unseal


def encrypt(version: SecretVersion, value: str) -> None:
    """Put ``value`` into the row, encrypted with the newest key. The row is not saved."""
    version.key_number, chosen = current_key()
    version.sealed = seal(value.encode(), key=chosen, about=version.about)


def decrypt(version: SecretVersion) -> str:
    """Missing when it is not kept any more or not what was written; Unavailable without its key."""
    if version.sealed is None:
        raise Missing(_("Version %(n)d is not kept any more.") % {"n": version.number})
    try:
        return unseal(bytes(version.sealed), key=key(version.key_number), about=version.about).decode()
    except NotOurs as error:
        raise Missing(_("The secret “%(name)s” is damaged. Set it again.") % {"name": version.secret.name}) from error


def resolve(workspace_pk: int | None, names: Iterable[str]) -> dict[str, str]:
    """The values of the workspace's secrets, by name, as they are now. Missing names the first that is none.

    For workers, at the moment of use.
    """
    wanted = sorted(set(names))
    rows = Secret.objects.filter(workspace_id=workspace_pk or 0, name__in=wanted)
    found = {secret.name: decrypt(secret.newest) for secret in rows}
    for name in wanted:
        if name not in found:
            raise Missing(_("There is no secret “%(name)s” in this workspace.") % {"name": name[:80]})
    return found
