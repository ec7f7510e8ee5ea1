"""The programs and libraries that containers stand on here: their versions, and what is known against these."""

import logging
import os
import re
import shutil
from pathlib import Path

from engine.host.seccomp_filter import library_version
from engine.model.errors import Unavailable
from engine.oci.command_runtime import version_text
from engine.oci.known_issues import Component, verdict, warnings

_log = logging.getLogger(__name__)


async def examine(runtime: Path) -> list[str]:
    """A line in the log for each; the warnings among them, to be shown to whoever asks."""
    found = [await _program(runtime), await _program(Path(shutil.which("conmon") or "conmon")), _kernel(), _library()]
    told: list[str] = []
    for component in found:
        (_log.warning if warnings(component) else _log.info)("%s", verdict(component))
        told += warnings(component)
    return told


async def _program(path: Path) -> Component:
    try:
        version, text = await version_text(path)
    except Unavailable:
        return Component(path.name, "of unknown version")
    return Component(path.name, version, text)


def _kernel() -> Component:
    """Debian's release says 6.1.0 for every 6.1; the true number is in its build's description."""
    system = os.uname()
    debian = re.search(r"Debian (\d+\.\d+\.\d+)", system.version)
    return Component("kernel", debian[1] if debian else system.release, system.version)


def _library() -> Component:
    try:
        return Component("libseccomp", library_version())
    except Unavailable:
        return Component("libseccomp", "of unknown version")
