"""One engine for all tests of builds: each test uses names and contents of its own, so the cache is its own too."""

import base64
import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.unit.build.tars import Made, tar_with

REPOSITORY = Path(__file__).resolve().parents[4]


class BuilderProcess:
    """``token`` is a word no other test run has: put it into a Dockerfile to be sure of no cache."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.root = Path()
        self.token = uuid.uuid4().hex

    def ask(self, do: str, **wanted: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **wanted}) + "\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the builder's process ended"
        answer: dict[str, Any] = json.loads(line)
        assert "crash" not in answer, answer["crash"]
        return answer

    def build(
        self, text: str, files: Mapping[str, Made] | None = None, /, *, cancel_at: str = "", **request: Any
    ) -> dict[str, Any]:
        """What came of it: texts, and the image's facts or error, class and code."""
        context = base64.b64encode(tar_with({"Dockerfile": text, **(files or {})})).decode()
        return self.ask("build", context=context, request=request, cancel_at=cancel_at)

    def files(self, image: str, below: str) -> dict[str, Any]:
        return self.ask("files", image=image, below=below)

    def left(self) -> list[str]:
        left: list[str] = self.ask("left")["left"]
        return left


@contextmanager
def running_builder() -> Iterator[BuilderProcess]:
    """An engine of its own, without images."""
    root = Path(f"/tmp/nb-{uuid.uuid4().hex[:8]}")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.host.build.one_builder", str(root)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        builder = BuilderProcess(process)
        builder.root = root
        assert builder.answer() == {"ready": True}
        yield builder
    finally:
        process.communicate(timeout=60)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def builder_process(busybox_tar: bytes) -> Iterator[BuilderProcess]:
    with running_builder() as builder:
        builder.ask("import", name="bb:1", tar=base64.b64encode(busybox_tar).decode())
        yield builder


@pytest.fixture
def builder_root(builder_process: BuilderProcess) -> Path:
    """Where the engine of ``builder`` keeps everything."""
    return builder_process.root


@pytest.fixture
def builder(builder_process: BuilderProcess) -> Iterator[BuilderProcess]:
    """The shared builder; a test that leaves something behind fails."""
    builder_process.token = uuid.uuid4().hex
    yield builder_process
    assert builder_process.left() == []
