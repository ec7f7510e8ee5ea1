from collections.abc import Iterator

import pytest

from tests.engine.conftest import IMAGE, running_engine
from tests.engine.host.api.watched_engine import MOST_EXTRA_KIB, WatchedEngine


@pytest.fixture(scope="module")
def shared(busybox_tar: bytes) -> Iterator[WatchedEngine]:
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield WatchedEngine(engine)


@pytest.fixture
def watched(shared: WatchedEngine) -> Iterator[WatchedEngine]:
    """Whole, and not much larger afterwards."""
    shared.renew()
    before = shared.memory_kib()
    shared.forget_peak()
    yield shared
    assert shared.peak_kib() - before < MOST_EXTRA_KIB
    assert "Traceback" not in shared.engine.log
