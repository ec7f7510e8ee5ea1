"""Images whose files are symlinks out of the root, and working directories that are: nobody gets out by them."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import RunningEngine
from tests.engine.host.images.archives import tree
from tests.engine.host.isolation.conftest import PROBE_IMAGE, probe_layer
from tests.engine.host.isolation.held import HeldEngine, held_engine

pytestmark = pytest.mark.host

CANARY = "canary of the host"
# a symlink in the image → what it means on the host
LINKS = {
    "proc": "",
    "sys": "",
    "dev": "",
    "etc": "",
    "tmp": "",
    "run": "",
    "etc/passwd": "passwd",
    "etc/group": "group",
    "etc/hosts": "file",
    "etc/hostname": "new-file",
    "etc/resolv.conf": "new-directory/file",
    "dev/null": "file",
    "dev/shm": "",
    "proc/keys": "file",
    "sys/fs/cgroup": "",
}


@pytest.fixture(scope="module")
def held() -> Iterator[HeldEngine]:
    with held_engine() as engine:
        (engine.outside / "file").write_text(CANARY)
        (engine.outside / "passwd").write_text("root:x:0:0::/:/bin/sh\nspy:x:0:0::/:/bin/sh\n")
        (engine.outside / "group").write_text("root:x:0:\nspies:x:0:\n")
        yield engine


def with_link(layer: bytes, name: str, target: str) -> bytes:
    """The layer with a symlink in place of an entry of that name, and of what is in it."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(layer)) as old, tarfile.open(fileobj=archive, mode="w") as new:
        for member in old:
            if member.name != name and not member.name.startswith(f"{name}/"):
                new.addfile(member, old.extractfile(member) if member.isfile() else None)
        link = tarfile.TarInfo(name)
        link.type, link.linkname = tarfile.SYMTYPE, target
        new.addfile(link)
    return archive.getvalue()


@pytest.mark.parametrize("way", ["absolute", "upwards"])
@pytest.mark.parametrize("name", list(LINKS))
def test_a_symlink_of_the_image_leads_nowhere(held: HeldEngine, probe: Path, name: str, way: str) -> None:
    target = held.outside / LINKS[name]
    before = tree(held.outside)
    text = str(target) if way == "absolute" else "../" * 30 + str(target).lstrip("/")
    held.docker("import", "-", "hostile:1", input=with_link(probe_layer(probe), name, text))
    for profile in ("default", "strict"):
        script = f"stat -c %t:%T /proc/keys; cat {target} /etc/hosts; true"
        words = ["--rm", "--security-opt", f"profile={profile}", "hostile:1", "/bin/sh", "-c", script]
        done = held.docker("run", *words, check=False)
        assert CANARY.encode() not in done.stdout
        assert tree(held.outside) == before
        if done.returncode == 0:
            assert done.stdout.decode().splitlines()[:1] == ["1:3"]
        else:  # refused, with a reason
            assert done.returncode in (125, 126, 127)
            assert done.stderr


def test_a_user_is_not_looked_up_in_the_hosts_file(held: HeldEngine, probe: Path) -> None:
    held.docker("import", "-", "hostile:1", input=with_link(probe_layer(probe), "etc/passwd", f"{held.outside}/passwd"))
    done = held.docker("run", "--rm", "-u", "spy", "hostile:1", "/bin/true", check=False)
    assert done.returncode == 125
    assert b"unable to find user spy" in done.stderr


def test_the_engine_really_could_write_to_the_canary_and_nowhere_else(held: HeldEngine) -> None:
    assert held.process is not None
    seen = Path(f"/proc/{held.process.pid}/mountinfo").read_text().splitlines()
    options = {line.split()[4]: line.split()[5].split(",") for line in seen}
    assert "ro" in options["/"]
    assert "rw" in options[str(held.root)]


PLACES = (*(f"/proc/self/fd/{number}" for number in range(3, 13)), "/proc/1/root", "/proc/self/cwd")


@pytest.mark.parametrize("place", ["run", "exec", "image"])
def test_a_working_directory_is_in_the_container(isolated: RunningEngine, probe: Path, place: str) -> None:
    """A runtime's descriptors must not become the program's place (CVE-2024-21626)."""
    canary = isolated.root / "canary"
    canary.write_text(CANARY)
    script = f"cat {'../' * 12}{canary} 2>/dev/null; true"
    isolated.docker("run", "-d", "--name", "places", PROBE_IMAGE, "/bin/sleep", "300")
    try:
        for directory in PLACES[::4] if place == "image" else PLACES:
            words = {"run": ["run", "--rm", "-w", directory, PROBE_IMAGE], "exec": ["exec", "-w", directory, "places"]}
            if place == "image":
                isolated.docker("import", "-c", f"WORKDIR {directory}", "-", "placed:1", input=probe_layer(probe))
            done = isolated.docker(*words.get(place, ["run", "--rm", "placed:1"]), "/bin/sh", "-c", script, check=False)
            assert CANARY.encode() not in done.stdout, directory
            assert done.returncode in (0, 125, 126, 127), directory
            assert done.returncode == 0 or done.stdout + done.stderr, directory
    finally:
        isolated.docker("rm", "-f", "places")


def test_the_canary_can_be_read_from_outside(isolated: RunningEngine) -> None:
    """Else the test before would say nothing: by the same words, where "upwards" leads to the host's root."""
    canary = isolated.root / "canary"
    canary.write_text(CANARY)
    assert (Path("/proc/self/cwd") / ("../" * 12 + str(canary).lstrip("/"))).read_text() == CANARY
