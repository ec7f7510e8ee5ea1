"""An engine for all of these tests, that is started anew for each runtime; images; and the probe."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import BUSYBOX, RunningEngine, running_engine

PROBE = Path(__file__).with_name("probe.c")
PROBE_IMAGE = "probe:1"


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled probe; static, so that it runs in any root."""
    program = tmp_path_factory.mktemp("probe") / "probe"
    words = ["gcc", "-static", "-O1", "-Wall", "-Wextra", "-Werror", "-std=gnu2x", "-o", str(program), str(PROBE)]
    subprocess.run(words, check=True)
    return program


@pytest.fixture(scope="session")
def shared_engine(probe: Path) -> Iterator[RunningEngine]:
    """With an image that has busybox and the probe."""
    with running_engine() as engine:
        engine.docker("import", "-", PROBE_IMAGE, input=probe_layer(probe))
        yield engine


@pytest.fixture(scope="module", params=["crun", "runc"])
def isolated(request: pytest.FixtureRequest, shared_engine: RunningEngine) -> RunningEngine:
    """The engine with each runtime."""
    wanted = ["--runtime", request.param]
    if shared_engine.arguments != wanted:
        shared_engine.stop()
        shared_engine.arguments = wanted
        shared_engine.start()
    return shared_engine


def probe_layer(probe: Path) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp"):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(directory)
        for name, file, mode in (
            ("busybox", Path(BUSYBOX), 0o755),
            ("probe", probe, 0o755),
            ("probe-setuid", probe, 0o4755),
        ):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.size, entry.mode = file.stat().st_size, mode
            tar.addfile(entry, io.BytesIO(file.read_bytes()))
        for applet in (
            "cat",
            "chmod",
            "dd",
            "id",
            "kill",
            "ls",
            "ping",
            "readlink",
            "sh",
            "sleep",
            "stat",
            "true",
            "yes",
        ):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return archive.getvalue()
