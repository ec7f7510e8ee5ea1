"""What is said of a registry, checked. A rule of operations: it asks for no permission but that to use a secret."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from console.hub.names import checked_address
from console.hub.queries import require_registry
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.outbound.client import require_certificates
from console.secrets.queries import require_usable
from console.secrets.references import name_in
from console.workspaces.models import Workspace

MOST_CA_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Given:
    """What people say of a registry. ``password`` is ``secret:NAME`` or empty."""

    address: str
    username: str = ""
    password: str = ""
    is_plain: bool = False
    ca_pem: str = ""


def checked_facts(actor: Actor, workspace: Workspace, given: Given) -> dict[str, Any]:
    """Fields of the row. Invalid names a field of Given; Denied by the workspace's rules, or without secret.use."""
    address = checked_address(given.address)
    require_registry(workspace, address)
    username, password = given.username.strip(), given.password.strip()
    if ":" in username or any(ord(letter) < 32 for letter in username):
        raise Invalid(_("A user's name holds no colon and no control character."), field="username")
    if bool(username) != bool(password):
        raise Invalid(_("Give a user and a password, or neither."), field="password" if username else "username")
    if password:
        name = name_in(password)
        if name is None:
            raise Invalid(_("Write secret:NAME: the password itself is kept as a secret."), field="password")
        require_usable(actor, workspace, [name], field="password")
    if len(given.ca_pem.encode()) > MOST_CA_BYTES:
        raise Invalid(_("These are no certificates in PEM."), field="ca_pem")
    if given.ca_pem.strip():
        require_certificates(given.ca_pem, field="ca_pem")
    return {
        "address": address,
        "username": username,
        "password": password,
        "is_plain": given.is_plain,
        "ca_pem": given.ca_pem.strip(),
    }
