"""What is run in a container for a terminal. Pure.

Docker's API has no way to end an exec, so the program is begun by a line of shell that first tells its process id, in
an escape sequence that terminals show nothing of (ECMA-48, APC), and then becomes the program. With that id the program
is hung up as a terminal that is closed would hang it up. Without a shell in the container there is no id, and only the
connection is closed.
"""

import re
import shlex
from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

TELL: Final = r"""printf '\033_naru %d\033\\' $$;"""
FIND_SHELL: Final = 'for s in bash ash sh; do command -v "$s" >/dev/null 2>&1 && exec "$s"; done'
# first as a terminal would; what does not care is killed
HANG_UP: Final = (
    'kill -HUP "$1" 2>/dev/null; '
    'for i in 1 2 3 4 5; do kill -0 "$1" 2>/dev/null || exit 0; sleep 1; done; kill -KILL "$1"'
)
MOST_COMMAND: Final = 4000
MOST_PATH: Final = 1000
MOST_USER: Final = 100
_TOLD: Final = re.compile(rb"\x1b_naru ([0-9]{1,10})\x1b\\")
_LONGEST_TOLD: Final = 20
_BEGINNING: Final = b"\x1b_naru "


def argv_of(command: Sequence[str]) -> list[str]:
    """The exec's words: the command, or the container's best shell where it is empty."""
    if not command:
        return ["sh", "-c", f"{TELL} {FIND_SHELL}"]
    return ["sh", "-c", f'{TELL} exec "$@"', "sh", *command]


def hang_up_argv(pid: int) -> list[str]:
    return ["sh", "-c", HANG_UP, "sh", str(pid)]


class PidReader:
    """Takes the told process id out of the beginning of a program's output."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self._held = b""
        self._is_decided = False

    def feed(self, data: bytes) -> bytes:
        """What of it is the program's own."""
        if self._is_decided:
            return data
        self._held += data
        if found := _TOLD.match(self._held):
            self.pid = int(found.group(1))
            return self._decide(found.end())
        begins = _BEGINNING.startswith(self._held[: len(_BEGINNING)])
        if begins and len(self._held) < _LONGEST_TOLD:
            return b""
        return self._decide(0)

    def finish(self) -> bytes:
        """At the end of the output: what was held back."""
        return b"" if self._is_decided else self._decide(0)

    def _decide(self, start: int) -> bytes:
        self._is_decided = True
        own, self._held = self._held[start:], b""
        return own


def split_command(text: str) -> list[str]:
    """As a shell would split it; it is never given to one. Invalid names ``command``."""
    _require_plain(text, field="command", most=MOST_COMMAND)
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Invalid(_("The command has an open quote: %(why)s.") % {"why": error}, field="command") from error


def checked_user(text: str) -> str:
    _require_plain(text, field="user", most=MOST_USER)
    if re.search(r"\s", text.strip()):
        raise Invalid(_("A user is a name or a number, and may have a group: user:group."), field="user")
    return text.strip()


def checked_directory(text: str) -> str:
    _require_plain(text, field="working_dir", most=MOST_PATH)
    if text.strip() and not text.strip().startswith("/"):
        raise Invalid(_("A working directory begins with “/”."), field="working_dir")
    return text.strip()


def _require_plain(text: str, *, field: str, most: int) -> None:
    if "\0" in text:
        raise Invalid(_("The value of %(name)s holds a zero byte.") % {"name": field}, field=field)
    if len(text) > most:
        raise Invalid(_("At most %(most)d characters.") % {"most": most}, field=field)
