"""One engine for each file, and nothing in it but an image when a test begins."""

from collections.abc import Iterator

import pytest

from tests.engine.conftest import IMAGE, RunningEngine
from tests.engine.host.containers.shared_engine import cleared_afterwards, engine_with_image


@pytest.fixture(scope="module")
def shared(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


@pytest.fixture
def engine(shared: RunningEngine) -> Iterator[RunningEngine]:
    with cleared_afterwards(shared) as engine:
        yield engine


@pytest.fixture
def image() -> str:
    return IMAGE


@pytest.fixture
def box(engine: RunningEngine, image: str) -> str:
    """A running container."""
    engine.docker("run", "-d", "--name", "box", image, "sleep", "1000")
    return "box"
