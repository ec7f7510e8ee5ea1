"""What a build is given in secret, checked: as references in the job's arguments, never as values."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from console.images.git import checked_source
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.secrets.queries import require_usable
from console.secrets.references import name_in, names_in
from console.workspaces.models import Workspace

ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
ADDRESS = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")
MOST = 20


def given_secrets(
    actor: Actor, workspace: Workspace, secrets: Mapping[str, str], registries: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Arguments of the job. Invalid names ``secrets`` or ``registries``; Denied without secret.use."""
    if len(secrets) > MOST or len(registries) > MOST:
        raise Invalid(_("At most 20 of them."), field="secrets" if len(secrets) > MOST else "registries")
    for name, value in secrets.items():
        if not ID.fullmatch(name):
            raise Invalid(_("“%(name)s” is no id of a secret.") % {"name": name[:80]}, field="secrets")
        _require_reference(value, field="secrets")
    for address, account in registries.items():
        if not ADDRESS.fullmatch(address):
            raise Invalid(_("“%(name)s” is no registry's address.") % {"name": address[:80]}, field="registries")
        if not account.get("username") or ":" in account["username"]:
            raise Invalid(_("Each registry needs a user's name, without a colon."), field="registries")
        _require_reference(account.get("password", ""), field="registries")
    passwords = [account["password"] for account in registries.values()]
    require_usable(actor, workspace, names_in(secrets.values()), field="secrets")
    require_usable(actor, workspace, names_in(passwords), field="registries")
    accounts = {address: {"username": a["username"], "password": a["password"]} for address, a in registries.items()}
    names = names_in([*secrets.values(), *passwords])
    return {
        **({"secrets": names} if names else {}),
        **({"build_secrets": dict(secrets)} if secrets else {}),
        **({"registries": accounts} if accounts else {}),
    }


def _require_reference(text: str, *, field: str) -> None:
    """A value typed in its place would be kept with the job for everybody to read; nor is it in the message."""
    if name_in(text) is None:
        raise Invalid(_("Write secret:NAME: the value itself would be kept with the job."), field=field)


def given_git(actor: Actor, workspace: Workspace, git: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of the job for a repository. Invalid names ``git_url``, ``git_ref``, ``git_directory`` or
    ``git_password``; Denied without secret.use for a password.
    """
    source = checked_source(git.get("url", ""), ref=git.get("ref", ""), directory=git.get("directory", ""))
    username, password = git.get("username", "").strip(), git.get("password", "").strip()
    if bool(username) != bool(password) or ":" in username or "\n" in username:
        raise Invalid(_("Give a user and a password, or neither."), field="git_password")
    if not password:
        return {"git": source}
    _require_reference(password, field="git_password")
    names = names_in([password])
    require_usable(actor, workspace, names, field="git_password")
    return {"git": {**source, "username": username, "password": password}, "secrets": names}


def merged(args: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Both, with the secrets of both."""
    names = sorted({*args.get("secrets", []), *more.get("secrets", [])})
    return {**args, **more, **({"secrets": names} if names else {})}
