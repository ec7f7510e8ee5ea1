"""What is said of a repository, checked. A rule of operations: it asks for no permission but that to use a secret."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from console.images.git import checked_source
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.origins.models import Origin
from console.secrets.queries import require_usable
from console.secrets.references import name_in
from console.workspaces.models import Workspace

MOST_PATHS = 10
LEAST_S = 30
MOST_S = 86400


@dataclass(frozen=True, slots=True)
class Given:
    """What people say of a repository. ``password`` is ``secret:NAME`` or empty; ``variables`` are the stack's."""

    url: str
    ref: str = ""
    paths: Sequence[str] = ("compose.yaml",)
    username: str = ""
    password: str = ""
    every_s: int = 0
    on_change: str = Origin.OnChange.TELL
    variables: Mapping[str, str] = field(default_factory=dict)


def checked_facts(actor: Actor, workspace: Workspace, given: Given) -> dict[str, Any]:
    """Fields of the row. Invalid names a field of Given; Denied without secret.use."""
    url = given.url.strip()
    if url.startswith(("ssh:", "git@", "git+ssh:")):
        raise Invalid(
            _("Repositories are fetched by https: write that address, and a token as its secret."), field="url"
        )
    try:
        source = checked_source(url, ref=given.ref.strip())
    except Invalid as error:
        raise Invalid(str(error), field=error.field.removeprefix("git_")) from error
    if any(letter in url for letter in "?#"):
        raise Invalid(_("A repository’s address has neither “?” nor “#”."), field="url")
    if given.every_s and not LEAST_S <= given.every_s <= MOST_S:
        raise Invalid(_("Every 30 to 86400 seconds, or 0 for never."), field="every_s")
    if given.on_change not in Origin.OnChange:
        raise Invalid(_("A new commit is only told of, or deployed by itself."), field="on_change")
    return {
        "url": source["url"].rstrip("/"),
        "ref": source["ref"],
        "paths": checked_paths(given.paths),
        **_account(actor, workspace, given),
        "every_s": given.every_s,
        "on_change": given.on_change,
    }


def checked_paths(paths: Sequence[str]) -> list[str]:
    """With one spelling for each. Invalid (``paths``) unless all are at or below where the first one is."""
    found = [_plain(path) for path in paths if path.strip()] or ["compose.yaml"]
    if len(found) > MOST_PATHS:
        raise Invalid(_("At most 10 files."), field="paths")
    begin = directory_of(found)
    if begin and any(not path.startswith(f"{begin}/") for path in found):
        raise Invalid(_("All files have to be in the folder of the first, or below."), field="paths")
    return found


def directory_of(paths: Sequence[str]) -> str:
    """Where the stack's directory is in the repository; empty for its root."""
    return posixpath.dirname(paths[0])


def _plain(path: str) -> str:
    plain = posixpath.normpath(path.strip())
    if len(plain) > 500 or plain.startswith(("/", "..", ".git/")) or plain == "." or not plain.isprintable():
        raise Invalid(_("“%(path)s” is no path of a file in the repository.") % {"path": path[:80]}, field="paths")
    return plain


def _account(actor: Actor, workspace: Workspace, given: Given) -> dict[str, str]:
    username, password = given.username.strip(), given.password.strip()
    if ":" in username or not username.isprintable():
        raise Invalid(_("A user's name holds no colon and no control character."), field="username")
    if bool(username) != bool(password):
        raise Invalid(_("Give a user and a password, or neither."), field="password" if username else "username")
    if password:
        name = name_in(password)
        if name is None:
            raise Invalid(_("Write secret:NAME: the password itself is kept as a secret."), field="password")
        require_usable(actor, workspace, [name], field="password")
    return {"username": username, "password": password}
