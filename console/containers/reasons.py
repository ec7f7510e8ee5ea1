"""What an exit code says, in words. Pure.

Shells and engines write 128 + n for a program that was ended by signal n; 125 to 127 are the engine's own words.
"""

import signal
from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

BY_SIGNAL = 128
_CODES: Mapping[int, str | Promise] = {
    0: _("it ended by itself, with success"),
    1: _("the program ended with an error"),
    2: _("the program ended with an error; many mean wrong usage by it"),
    125: _("the engine could not run it"),
    126: _("the command cannot be run: it is no program, or may not be executed"),
    127: _("the command was not found in the image"),
}
_SIGNALS: Mapping[int, str | Promise] = {
    signal.SIGHUP: _("its terminal went away, or it was told to"),
    signal.SIGINT: _("it was interrupted"),
    signal.SIGQUIT: _("it was told to quit"),
    signal.SIGILL: _("it met an instruction that this processor does not have"),
    signal.SIGABRT: _("it gave up by itself (abort)"),
    signal.SIGBUS: _("it touched memory that is not there"),
    signal.SIGFPE: _("it made an impossible calculation"),
    signal.SIGKILL: _("out of memory, killed by somebody, or too slow to stop"),
    signal.SIGSEGV: _("it touched memory that is not its own (segmentation fault)"),
    signal.SIGPIPE: _("who it wrote to was gone"),
    signal.SIGTERM: _("it was asked to stop"),
    signal.SIGSYS: _("it made a system call that it may not make"),
}


def reason_of(exit_code: int | None, *, is_oom: bool = False) -> str:
    """Empty where nothing is known."""
    if is_oom:
        return gettext("killed by the kernel: it wanted more memory than it may have")
    if exit_code is None:
        return ""
    if exit_code in _CODES:
        return str(_CODES[exit_code])
    number = exit_code - BY_SIGNAL
    name = signal_name(number)
    if not name:
        return gettext("a code of the program’s own")
    words = {"signal": name, "number": number, "why": _SIGNALS.get(number, "")}
    if number in _SIGNALS:
        return gettext("ended by %(signal)s (%(number)d): %(why)s") % words
    return gettext("ended by %(signal)s (%(number)d)") % words


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""
