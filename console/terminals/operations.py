"""Opening and ending sessions, reading what was recorded, and a workspace's rules for all of it."""

import secrets
from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.containers.queries import get_container
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Permission
from console.operations.policy import Place
from console.operations.runner import operation, publish_on_commit
from console.terminals import recordings
from console.terminals.models import Records, Terminal, TerminalRules, Why
from console.terminals.observations import Passed
from console.terminals.programs import checked_directory, checked_user, split_command
from console.terminals.queries import get_terminal
from console.terminals.recordings import Sealed
from console.workspaces.models import Workspace
from console.workspaces.queries import get_workspace

SYSTEM = Actor.system("terminals")


def open_terminal(
    actor: Actor,
    host_name: str,
    name: str,
    *,
    command: str = "",
    user: str = "",
    working_dir: str = "",
    attach: bool = False,
) -> Terminal:
    """A session in a container that runs: its shell, ``command`` (split as a shell would), or its main process.

    The program begins when the session's socket is opened. Needs container.exec. Conflict when as many sessions are
    open as the workspace allows; Invalid names ``command``, ``user`` or ``working_dir``.
    """
    container = get_container(actor, host_name, name)
    given: dict[str, Any] = {
        "command": command[:1000] or None,
        "user": user[:100] or None,
        "working_dir": working_dir[:1000] or None,
    }
    with operation(actor, Permission.CONTAINER_EXEC, on=container, attach=attach or None, **given) as op:
        if actor.limits is not None:
            raise Denied(_("A terminal is for a person in front of a browser: a token opens none."))
        container.require_alive()
        if attach and any(given.values()):
            raise Invalid(_("The main process has its command, user and directory already."), field="command")
        rules = held_rules(container.workspace_id)
        _require_room(rules, container.workspace, user_pk=actor.user_pk or 0)
        terminal = Terminal.objects.create(
            key=secrets.token_urlsafe(24),
            user_id=actor.user_pk,
            user_name=actor.name,
            host=container.host,
            workspace=container.workspace,
            container=container,
            container_name=container.name,
            labels=dict(container.labels),
            is_attached=attach,
            command=split_command(command),
            run_as=checked_user(user),
            working_dir=checked_directory(working_dir),
            records=rules.records,
        )
        op.details |= {"terminal": terminal.number, "records": rules.records or None}
        _show_anew(terminal)
    return terminal


def held_rules(workspace_pk: int) -> TerminalRules:
    """The workspace's rules, held until the transaction ends. Inside an operation."""
    TerminalRules.objects.get_or_create(workspace_id=workspace_pk)
    return TerminalRules.objects.select_for_update().get(workspace_id=workspace_pk)


def _require_room(rules: TerminalRules, workspace: Workspace, *, user_pk: int) -> None:
    theirs = Terminal.objects.filter(workspace=workspace, ended_at=None)
    if rules.most_open and theirs.count() >= rules.most_open:
        raise Conflict(
            ngettext(
                "%(most)d session is open in “%(slug)s”, and no more may be.",
                "%(most)d sessions are open in “%(slug)s”, and no more may be.",
                rules.most_open,
            )
            % {"most": rules.most_open, "slug": workspace.slug}
        )
    if rules.most_per_person and theirs.filter(user_id=user_pk).count() >= rules.most_per_person:
        raise Conflict(
            ngettext(
                "You have %(most)d session open in “%(slug)s”, and no more may be. End one first.",
                "You have %(most)d sessions open in “%(slug)s”, and no more may be. End one first.",
                rules.most_per_person,
            )
            % {"most": rules.most_per_person, "slug": workspace.slug}
        )


def end_terminal(actor: Actor, number: int) -> Terminal:
    """Hang its program up. Needs terminal.end; container.exec for one's own. Conflict when it has ended already."""
    terminal = get_terminal(actor, number)
    with operation(actor, Permission.TERMINAL_END, on=terminal, terminal=terminal.number, of=terminal.user_name):
        terminal = terminal.locked()
        if not terminal.is_open:
            raise Conflict(_("Session %(number)d has ended already.") % {"number": terminal.number})
        terminal.end_asked_at = terminal.end_asked_at or timezone.now()
        terminal.ended_by_name = terminal.ended_by_name or actor.name
        terminal.save(update_fields=["end_asked_at", "ended_by_name"])
        # the process in which it lives ends it, and then writes down how it ended
        publish_on_commit("terminals")
        _show_anew(terminal)
    return terminal


def finish_terminal(
    number: int,
    why: Why,
    *,
    error: str = "",
    exit_code: int | None = None,
    passed: Passed | None = None,
    recording: Sealed | None = None,
) -> bool:
    """Write down that and how it ended; False when that is on record already. The system's own."""
    terminal = Terminal.objects.get(pk=number)
    if not terminal.is_open:
        return False
    seal: dict[str, Any] = (
        {"recording_sha256": recording.sha256, "recording_bytes": recording.size_bytes} if recording else {}
    )
    facts: dict[str, Any] = {
        "terminal": number,
        "of": terminal.user_name,
        "why": why.value,
        "error": error[:300] or None,
    }
    with operation(SYSTEM, Permission.TERMINAL_END, on=terminal, exit_code=exit_code, **facts, **seal) as op:
        terminal = terminal.locked()
        if not terminal.is_open:
            raise Conflict(_("Session %(number)d has ended already.") % {"number": number})
        terminal.ended_at, terminal.why, terminal.error = timezone.now(), why, error[:2000]
        terminal.exit_code = exit_code
        if passed is not None:
            terminal.in_bytes, terminal.out_bytes = passed.in_bytes, passed.out_bytes
        if recording is not None:
            terminal.recording_sha256, terminal.recording_bytes = recording.sha256, recording.size_bytes
        op.details |= {"in_bytes": terminal.in_bytes, "out_bytes": terminal.out_bytes}
        terminal.save()
        _show_anew(terminal)
    return True


def read_recording(actor: Actor, number: int, *, as_file: bool = False) -> Terminal:
    """Note that the recording is read; the file is at ``recordings.sealed_path``. Needs terminal.replay; container.exec
    for one's own. Missing where nothing was recorded, or the file is not there any more.
    """
    terminal = get_terminal(actor, number)
    facts: dict[str, Any] = {"terminal": terminal.number, "of": terminal.user_name, "as_file": as_file or None}
    with operation(actor, Permission.TERMINAL_REPLAY, on=terminal, **facts):
        if not terminal.has_recording or not recordings.sealed_path(terminal.number).is_file():
            raise Missing(_("Session %(number)d has no recording.") % {"number": terminal.number})
    return terminal


def change_terminal_rules(
    actor: Actor,
    slug: str,
    *,
    records: str,
    idle_minutes: int,
    most_per_person: int,
    most_open: int,
    keep_days: int,
) -> TerminalRules:
    """What is recorded, how long and how many sessions may be open, how long they stay on record. For sessions that
    are opened from now on; only how long they stay counts for all. Needs policy.manage.
    """
    workspace = get_workspace(actor, slug)
    given = {
        "records": Records(records).value,
        "idle_minutes": idle_minutes,
        "most_per_person": most_per_person,
        "most_open": most_open,
        "keep_days": keep_days,
    }
    with operation(actor, Permission.POLICY_MANAGE, on=workspace) as op:
        rules = held_rules(workspace.pk)
        op.details["terminals"] = {name: value for name, value in given.items() if value != getattr(rules, name)}
        for name, value in given.items():
            setattr(rules, name, value)
        rules.save(update_fields=TerminalRules.CHOSEN)
    return rules


def remove_ended(workspace: Workspace, numbers: Sequence[int]) -> list[int]:
    """What need not stay any more: rows, whose numbers it returns. The system's own."""
    with operation(Actor.system("retention"), Permission.TERMINAL_END, at=Place(workspace_pk=workspace.pk)) as op:
        rows = Terminal.objects.filter(pk__in=numbers).exclude(ended_at=None).order_by("pk")
        going = list(rows.select_for_update().values_list("pk", flat=True))
        Terminal.objects.filter(pk__in=going).delete()
        op.details |= {"removed": len(going), "workspace": workspace.slug}
        op.details |= {"first": going[0], "last": going[-1]} if going else {}
        publish_on_commit("rows.terminals")
    return going


def _show_anew(terminal: Terminal) -> None:
    publish_on_commit("rows.terminals", {"number": terminal.pk})
