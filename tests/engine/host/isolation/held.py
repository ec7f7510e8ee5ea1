"""An engine that can write nowhere but in its own directory, for images that try to have it write elsewhere."""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.engine.conftest import RunningEngine

_HOLD = """
mount --bind "$1" "$1"
mount -o remount,bind,ro /
shift
exec "$@"
"""


@dataclass
class HeldEngine(RunningEngine):
    def command(self, verb: str) -> list[str]:
        if verb != "serve":  # unpacks and runs nothing, and its own namespace is not one of these
            return super().command(verb)
        held = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _HOLD, "sh", str(self.root)]
        return [*held, *super().command(verb)]

    @property
    def outside(self) -> Path:
        """What no image may reach; the only place beside the engine's data that could be written to."""
        return self.root / "outside"


@contextlib.contextmanager
def held_engine() -> Iterator[HeldEngine]:
    token = uuid.uuid4().hex[:8]
    root = Path(f"/tmp/nr-{token}")
    root.mkdir(mode=0o711)
    engine = HeldEngine(root=root, bridge=f"nr{token}")
    engine.outside.mkdir()
    try:
        engine.start()
        yield engine
    finally:
        engine.purge()
