"""A private PostgreSQL in a temporary folder, on a socket: Debian's own programs, run as a user who may do nothing."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

START_LIMIT_S = 60.0
PORT = 5432
# it holds nothing that must survive
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=120")


def programs() -> Path | None:
    """Where the newest one's programs are; None when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The URL of its database "postgres". The server refuses to be root, so it is somebody else here."""
    folder = programs()
    assert folder is not None, "PostgreSQL is not installed: scripts/prepare.py test"
    # short, since a socket's path is at most 107 bytes long
    home = Path(tempfile.mkdtemp(prefix="npg-"))
    try:
        as_nobody = _somebody_else(home)
        data = home / "data"
        initdb = [str(folder / "initdb"), "--pgdata", str(data), "--auth", "trust", "--username", "naru"]
        made = subprocess.run(
            [*as_nobody, *initdb, "--encoding", "UTF8", "--locale", "C", "--no-sync"],
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        settings = [word for setting in QUICK for word in ("-c", setting)]
        argv = [str(folder / "postgres"), "-D", str(data), "-k", str(home), "-c", "listen_addresses=", *settings]
        with (home / "log").open("w") as log:
            server = subprocess.Popen([*as_nobody, *argv], cwd=home, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_up(folder, home, server)
            yield f"postgres://naru@{str(home).replace('/', '%2F')}:{PORT}/postgres"
        finally:
            # "fast": whoever is still connected is let go
            server.send_signal(2)
            server.wait(START_LIMIT_S)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _somebody_else(home: Path) -> list[str]:
    """The words before a command that make it run without root, and ``home`` theirs."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("nobody")
    os.chown(home, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig", "KILL"]


def _wait_until_up(folder: Path, home: Path, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_LIMIT_S
    ask = [str(folder / "pg_isready"), "--quiet", "--host", str(home), "--username", "naru"]
    while subprocess.run(ask, check=False).returncode != 0:
        assert server.poll() is None, (home / "log").read_text()
        assert time.monotonic() < deadline, "PostgreSQL did not come up in time"
        time.sleep(0.05)
