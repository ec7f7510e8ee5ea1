"""What the console has told this host of itself: its name there, and the key of its jobs. In a file, for next time."""

from pathlib import Path

from console.hosts.tunnel.frames import BadFrame, Welcome
from console.operations.key_files import write_private


def known_as(path: Path) -> Welcome | None:
    """None when nothing was told yet."""
    try:
        return Welcome.decoded(path.read_text())
    except (FileNotFoundError, BadFrame):
        return None


def remember(path: Path, welcome: Welcome) -> None:
    write_private(path, welcome.encoded())
