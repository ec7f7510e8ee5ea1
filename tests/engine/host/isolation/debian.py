"""A small Debian to run everyday programs in: made once by debootstrap, kept as an archive below ``.cache``."""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.engine.conftest import REPOSITORY

PACKAGES = ("iputils-ping", "libcap2-bin", "python3-minimal", "strace", "sudo", "systemd-standalone-tmpfiles")
_LIMIT_S = 300
# in memory: packages are unpacked with a sync for each file, and nothing of it is kept
_SCRIPT = """
root=$1 archive=$2
shift 2
mount -t tmpfs -o size=1g,mode=755 none "$root"
debootstrap --variant=minbase "$@"
umount "$root/proc" "$root/sys" 2>&- || true
tar --xattrs --xattrs-include='*' --numeric-owner --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' \\
    --exclude='./usr/share/doc/*' --exclude='./usr/share/locale/*' --exclude='./proc/*' --exclude='./sys/*' \\
    -C "$root" -cf "$archive" .
"""


def debian_archive() -> Path:
    """Skips the test, saying why, where no such archive can be made; fails it in continuous integration."""
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")
    recipe = hashlib.sha256(" ".join((suite, *PACKAGES)).encode()).hexdigest()[:12]
    archive = REPOSITORY / ".cache" / f"debian-{suite}-{recipe}.tar"
    if not archive.exists():
        archive.parent.mkdir(exist_ok=True)
        _make(archive, suite)
    return archive


def _make(archive: Path, suite: str) -> None:
    if shutil.which("debootstrap") is None:
        _cannot("debootstrap is not installed")
    unfinished = archive.with_suffix(f".{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="naru-debian-", dir="/var/tmp") as root:
        words = [root, str(unfinished), f"--include={','.join(PACKAGES)}", suite, root, *_mirror(suite)]
        # what is mounted there goes with the mount namespace
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _SCRIPT, "sh", *words],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
        )
    if done.returncode:
        unfinished.unlink(missing_ok=True)
        _cannot(f"debootstrap: {(done.stdout + done.stderr)[-500:]}")
    unfinished.rename(archive)


def _mirror(suite: str) -> list[str]:
    """Where this machine's own apt gets the suite from; nothing where that is not known: debootstrap has a default."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages", f"Codename: {suite}"]
    done = subprocess.run(asked, capture_output=True, text=True)
    return done.stdout.split()[:1]


def _cannot(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"no Debian to run programs in: {reason}")
    pytest.skip(f"no Debian to run programs in: {reason}")
