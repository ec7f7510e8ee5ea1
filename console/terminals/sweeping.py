"""What no process looks after any more: sessions of a process that was killed, and those that no page ever came to.

Runs in the console's worker, which reaches engines as the web server does.
"""

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from django.db.models import Q
from django.utils import timezone

from console.operations.errors import Conflict
from console.terminals import recordings
from console.terminals.admission import wanted_of
from console.terminals.launching import hang_up_quietly
from console.terminals.models import Terminal, Why
from console.terminals.operations import finish_terminal

log = structlog.get_logger(__name__)

# some beats of a process
SILENT: Final = timedelta(seconds=45)
UNUSED: Final = timedelta(seconds=60)
AT_ONCE: Final = 20


def sweep() -> int:
    """End them: their programs are hung up, their recordings sealed. Returns how many. Safe to repeat, and at once."""
    now = timezone.now()
    lost = Q(seen_at__lt=now - SILENT) & ~Q(server="")
    unused = Q(server="") & (Q(opened_at__lt=now - UNUSED) | Q(end_asked_at__isnull=False))
    rows = Terminal.objects.select_related("host", "container").filter(lost | unused, ended_at=None).order_by("pk")
    return sum(_end(terminal) for terminal in rows[:AT_ONCE])


def _end(terminal: Terminal) -> bool:
    error = ""
    wanted = wanted_of(terminal)
    if wanted is not None and terminal.exec_id:
        error = asyncio.run(hang_up_quietly(wanted, exec_id=terminal.exec_id, pid=terminal.pid))
    try:
        recording = recordings.seal(terminal.number)
        return finish_terminal(terminal.number, _why(terminal), error=error, recording=recording)
    except OSError as trouble:
        log.error("recording not sealed", terminal=terminal.number, why=str(trouble))
        return finish_terminal(terminal.number, _why(terminal), error=str(trouble))
    except Conflict:
        return False  # it was ended meanwhile


def _why(terminal: Terminal) -> Why:
    if terminal.server:
        return Why.LOST
    if not terminal.end_asked_at:
        return Why.LEFT
    return Why.CLOSED if terminal.ended_by_name == terminal.user_name else Why.ENDED
