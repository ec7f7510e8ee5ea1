"""One engine for all tests of a module, for those that each name their containers differently or leave none."""

import contextlib
from collections.abc import Iterator

from tests.engine.conftest import IMAGE, RunningEngine, running_engine


@contextlib.contextmanager
def engine_with_image(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield engine


@contextlib.contextmanager
def cleared_afterwards(engine: RunningEngine) -> Iterator[RunningEngine]:
    """Runs again afterwards if it was stopped, and has no container."""
    yield engine
    if engine.process is None or engine.process.poll() is not None:
        engine.start()
    if containers := engine.out("ps", "-aq").split():
        engine.docker("rm", "-f", *containers)


def said(engine: RunningEngine, *arguments: str) -> str:
    """What a container prints that is run for it and removed."""
    return engine.out("run", "--rm", *arguments)


def refusal(engine: RunningEngine, *arguments: str) -> str:
    done = engine.docker(*arguments, check=False)
    assert done.returncode != 0, f"docker {arguments} was accepted"
    return done.stderr.decode()
