"""Who a container's process runs as: Docker's ``user[:group]`` looked up in the image's own passwd and group files.

The files belong to the image, so they may be anything: links out of the root, devices, endless. They are opened inside
the root, must be regular files, and are read up to a limit.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.host.inroot import open_in_root
from engine.model.errors import Invalid

_LARGEST_FILE_BYTES = 1 << 20
_LARGEST_ID = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class User:
    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = ()
    home: str = "/"


@dataclass(frozen=True, slots=True)
class _Account:
    name: str
    uid: int
    gid: int
    home: str


def resolve_user(text: str, *, rootfs: Path, groups: Sequence[str] = ()) -> User:
    """``text`` is "", a name or a uid, optionally ``:`` and a group's name or gid.

    Supplementary groups come from the group file unless a group is given, as in Docker; ``groups``, names or gids, are
    added to them. The primary group is one of them, the first: a process that has changed its group with a set-gid
    program would otherwise be rid of it, and of what files deny to that group. A number needs no entry. Raises Invalid,
    in Docker's words, for a name that has none.
    """
    user = _resolved(text, rootfs)
    if not groups:
        return user
    known = _groups(rootfs)
    added = (_find_gid(group, known, called="Unable to find group") for group in groups)
    return replace(user, additional_gids=tuple(dict.fromkeys((*user.additional_gids, *added))))


def names_of_ids(rootfs: Path) -> tuple[dict[int, str], dict[int, str]]:
    """Users and groups by their numbers, the first name of each; none where the files cannot be used."""
    try:
        users = {account.uid: account.name for account in reversed(_accounts(rootfs))}
        groups = {gid: name for name, gid, _ in reversed(_groups(rootfs))}
    except Invalid:
        return {}, {}
    return users, groups


def _resolved(text: str, rootfs: Path) -> User:
    name, _, group = text.partition(":")
    account = _find_account(name or "0", _accounts(rootfs))
    groups = _groups(rootfs)
    if group:
        gid = _find_gid(group, groups)
        return User(account.uid, gid, (gid,), account.home)
    gids = tuple(sorted({gid for _, gid, members in groups if account.name and account.name in members}))
    others = (gid for gid in gids if gid != account.gid)
    return User(account.uid, account.gid, (account.gid, *others), account.home)


def _find_account(wanted: str, accounts: list[_Account]) -> _Account:
    for account in accounts:
        if account.name == wanted:
            return account
    number = _as_id(wanted)
    if number is None:
        raise Invalid(f"unable to find user {wanted[:80]}: no matching entries in passwd file")
    for account in accounts:
        if account.uid == number:
            return account
    return _Account("", number, 0, "/root" if number == 0 else "/")


def _find_gid(wanted: str, groups: list[tuple[str, int, list[str]]], *, called: str = "unable to find group") -> int:
    for name, gid, _ in groups:
        if name == wanted:
            return gid
    number = _as_id(wanted)
    if number is None:
        raise Invalid(f"{called} {wanted[:80]}: no matching entries in group file")
    return number


def _as_id(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return None
    if int(text) > _LARGEST_ID:
        raise Invalid(f"uids and gids must be in range 0-{_LARGEST_ID}: {text[:80]}")
    return int(text)


def _accounts(rootfs: Path) -> list[_Account]:
    """passwd(5): name:password:uid:gid:comment:home:shell. Malformed lines are skipped, as everywhere."""
    accounts = []
    for line in _lines(rootfs, "etc/passwd"):
        fields = line.split(":")
        if len(fields) >= 6 and fields[2].isdigit() and fields[3].isdigit():
            accounts.append(_Account(fields[0], int(fields[2]), int(fields[3]), fields[5] or "/"))
    return accounts


def _groups(rootfs: Path) -> list[tuple[str, int, list[str]]]:
    """group(5): name:password:gid:member,member."""
    groups = []
    for line in _lines(rootfs, "etc/group"):
        fields = line.split(":")
        if len(fields) >= 3 and fields[2].isdigit():
            groups.append((fields[0], int(fields[2]), fields[3].split(",") if len(fields) > 3 else []))
    return groups


def _lines(rootfs: Path, path: str) -> list[str]:
    """Of a file in the image; none when there is no such regular file. Raises Invalid when it is too large."""
    try:
        # O_NONBLOCK: a fifo must not hang us before we see that it is one
        handle = open_in_root(rootfs, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return []
    with open(handle, "rb") as file:  # noqa: PTH123 (a descriptor, not a path)
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return []
        data = file.read(_LARGEST_FILE_BYTES + 1)
    if len(data) > _LARGEST_FILE_BYTES:
        raise Invalid(f"the image's /{path} is larger than {_LARGEST_FILE_BYTES} bytes")
    return data.decode(errors="replace").splitlines()
