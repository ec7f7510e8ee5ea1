from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.images.archives import ImageArchives
from engine.images.service import Images
from engine.store.content import ContentStore
from engine.store.events import Events
from engine.store.layers import LayerStore
from engine.store.state import State


@dataclass
class Engine:
    """The store and the images of one data directory; ``restart`` opens it anew, as after a crash."""

    root: Path

    def __post_init__(self) -> None:
        self.content = ContentStore(self.root)
        self.state = State(self.root / "state.db")
        self.layers = LayerStore(self.root, self.content, self.state)
        self.events = Events(clock=lambda: 0)
        self.images = Images(self.content, self.layers, self.state, self.events)
        self.archives = ImageArchives(self.images, self.content, self.layers)

    def restart(self) -> "Engine":
        self.state.close()
        return Engine(self.root)

    def files(self) -> list[str]:
        """What the store holds, one line for each blob, layer and draft."""
        places = [*self.root.glob("blobs/sha256/*"), *self.root.glob("layers/*"), *self.root.glob("tmp/*")]
        return sorted(str(path.relative_to(self.root)) for path in places)


@pytest.fixture
def engine(tmp_path):
    engine = Engine(tmp_path)
    yield engine
    engine.state.close()
