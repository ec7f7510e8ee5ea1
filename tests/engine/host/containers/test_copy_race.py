"""Copying while the container moves the path about, to lead the engine out of its root (CVE-2018-15664 and its like).

The engine runs in a mount namespace that shows the machine read-only, but for its own directory; the canary lies there,
outside of the container's root.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until
from tests.engine.host.containers.files import Files, member, tar_of

pytestmark = pytest.mark.host

_RACE_S = 5
_SECRET = b"the canary"

# cgroups and /proc/sys stay writable, and there is a /dev of its own: without them no container starts
ISOLATED = """
set -eu
mount --make-rslave /
mount --bind "$ROOT" "$ROOT"
mkdir "$ROOT/dev"
mount -t tmpfs -o mode=0755 tmpfs "$ROOT/dev"
for name in null zero full random urandom tty; do cp -a "/dev/$name" "$ROOT/dev/"; done
# while crun makes some other container, the host's null device is that one's user's
chown 0:0 "$ROOT/dev/null"
ln -s /proc/self/fd "$ROOT/dev/fd"
mount --move "$ROOT/dev" /dev
awk '{print $5}' /proc/self/mountinfo | while read -r place; do
    case "$place" in "$ROOT"|/dev|/proc|/proc/*|/sys/*|/dev/*) continue;; esac
    if mount -o remount,bind,ro "$(printf '%b' "$place")" 2>/dev/null || [ "$place" = /sys ]; then continue; fi
    # another's mount may have gone since it was listed
    if awk '{print $5}' /proc/self/mountinfo | grep -Fxq -- "$place"; then exit 1; fi
done
if touch /canary-of-naru 2>/dev/null; then echo "the root is writable" >&2; exit 1; fi
exec "$@"
"""

# /swap is in turn a directory with a file, nothing, and a link to where the canary is on the host
SWAPPING = """
mkdir /real /was; echo inside > /real/file; ln -s "$OUTSIDE" /lead
mkdir -p "$OUTSIDE"; echo inside > "$OUTSIDE/file"
echo up
while :; do
    mv /real /swap; mv /swap /real
    mv /lead /swap; mv /swap /lead
done
"""


class IsolatedEngine(RunningEngine):
    def command(self, verb: str) -> list[str]:
        command = super().command(verb)
        isolate = ["env", f"ROOT={self.root}", "PYTHONDONTWRITEBYTECODE=1", "unshare", "--mount"]
        return [*isolate, "/bin/sh", "-c", ISOLATED, "sh", *command] if verb == "serve" else command


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine(kind=IsolatedEngine) as engine:
        outside = engine.root / "outside"
        outside.mkdir()
        (outside / "file").write_bytes(_SECRET)
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield engine


@pytest.mark.parametrize("users", ["", "host"])
def test_a_container_that_swaps_links_leads_nobody_out(engine: RunningEngine, users: str) -> None:
    outside = engine.root / "outside"
    name = f"swapping{users}"
    arguments = ["--userns", users] if users else []
    engine.docker(
        *("run", "-d", "--name", name, "--network", "none", "-e", f"OUTSIDE={outside}", *arguments),
        *(IMAGE, "sh", "-c", SWAPPING),
    )
    wait_until(lambda: engine.out("logs", name) == "up")
    files, archive = Files(engine), tar_of(member("dropped", b"x"), member("file", b"y"))
    read: list[bytes] = []
    written: list[int] = []

    def read_once() -> None:
        for path in ("/swap/file", "/swap/", "/swap"):
            read.append(files.get(name, path).body)
        files.ask("HEAD", f"/containers/{name}/archive?path=/swap/file")

    def write_once() -> None:
        written.append(files.put(name, "/swap", archive).status)

    racing([read_once, write_once, write_once])
    assert any(b"inside" in body or b"y" in body for body in read), "nothing was read: no race"
    assert 200 in written, "nothing was written: no race"
    assert not any(_SECRET in body for body in read)
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"file": _SECRET}
    engine.docker("rm", "-f", name)
    assert not Path("/canary-of-naru").exists()


def racing(steps: list[Callable[[], None]]) -> None:
    """Each of ``steps`` over and over, at the same time, for a few seconds."""
    deadline = time.monotonic() + _RACE_S
    failures: list[BaseException] = []

    def repeat(step: Callable[[], None]) -> None:
        try:
            while time.monotonic() < deadline:
                step()
        except BaseException as error:  # noqa: BLE001 (told to the test below)
            failures.append(error)

    threads = [threading.Thread(target=repeat, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
