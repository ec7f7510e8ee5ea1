"""Set up a checkout on a Debian 12 machine: ``python3 scripts/prepare.py run|test|check|image``.

Runs with the system's Python and its standard library alone, before anything is installed. Every step remembers
what it was done for (a digest under ``.cache/prepare``) and is skipped while that has not changed, so the second run
takes well under a second. A step that cannot be done says what is missing and how to get it.
"""

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = ROOT / ".cache" / "prepare"
POLICY = Path("/usr/sbin/policy-rc.d")

SETUP_PACKAGES = {"python3-venv": "/usr/share/doc/python3-venv", "gettext": "/usr/bin/msgfmt"}
IMAGE_PACKAGES = {"gettext": "/usr/bin/msgfmt"}
RUN_PACKAGES = {
    **SETUP_PACKAGES,
    "crun": "/usr/bin/crun",
    "runc": "/usr/sbin/runc",
    "conmon": "/usr/bin/conmon",
    "tini": "/usr/bin/tini-static",
    # contexts and ADD sources that are repositories
    "git": "/usr/bin/git",
    "nftables": "/usr/sbin/nft",
    "libnftables1": "/usr/share/doc/libnftables1",
    "iptables": "/usr/sbin/iptables",
    "iproute2": "/usr/sbin/ip",
    "libseccomp2": "/usr/share/doc/libseccomp2",
    "redis-server": "/usr/bin/redis-server",
    "busybox-static": "/usr/share/doc/busybox-static",
}
TEST_PACKAGES = {
    **RUN_PACKAGES,
    "chromium": "/usr/bin/chromium",
    "fonts-noto-cjk": "/usr/share/doc/fonts-noto-cjk",
    # the docker CLI that the tests type into, and the dockerd that the conformance tests ask the same questions
    "docker.io": "/usr/sbin/dockerd",
    # a probe is compiled, and a small Debian made, to see what runs in a container and what is refused there
    "gcc": "/usr/bin/gcc",
    "libc6-dev": "/usr/share/doc/libc6-dev",
    "debootstrap": "/usr/sbin/debootstrap",
    # what the tests pull from and push to
    "docker-registry": "/usr/bin/docker-registry",
    # what the console's tests run on besides SQLite
    "postgresql": "/usr/share/doc/postgresql",
    "openssl": "/usr/bin/openssl",
    # a client as people have it, and traffic between hosts
    "docker-compose": "/usr/bin/docker-compose",
    "curl": "/usr/bin/curl",
}
MINIMUM_KERNEL = (5, 10)


class CannotPrepare(Exception):
    """Set-up cannot go on; the text says what is missing and what would help."""


def main(argv: list[str]) -> int:
    purpose = argv[1] if len(argv) == 2 else ""
    steps: dict[str, list[Callable[[], None]]] = {
        "run": [
            require_host,
            packages(RUN_PACKAGES),
            environment("run"),
            front_end(),
            bytecode,
            messages,
            static_files,
        ],
        "test": [
            require_host,
            packages(TEST_PACKAGES),
            environment("dev"),
            front_end(for_tests=True),
            bytecode,
            messages,
            static_files,
        ],
        "check": [packages(SETUP_PACKAGES), environment("dev"), front_end(for_tests=True), messages],
        # of the console, see Dockerfile: no engine, no Redis, and the Python that is there
        "image": [packages(IMAGE_PACKAGES), environment("run"), front_end(), bytecode, messages, static_files],
    }
    if purpose not in steps:
        print(__doc__, file=sys.stderr)
        return 2
    os.chdir(ROOT)
    try:
        for step in steps[purpose]:
            step()
    except CannotPrepare as error:
        print(f"naru: cannot go on: {error}", file=sys.stderr)
        return 1
    return 0


# --- steps -----------------------------------------------------------------------------------------------------------


def require_host() -> None:
    """The engine makes namespaces, mounts and firewall rules: Linux, root, and a kernel that has overlay."""
    if platform.system() != "Linux":
        raise CannotPrepare(
            f"containers need Linux; this is {platform.system()}. Use a Linux machine or virtual machine."
        )
    if os.geteuid() != 0:
        raise CannotPrepare("the engine needs root to make namespaces and mounts. Run it with sudo.")
    release = platform.release()
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2])
    if numbers < MINIMUM_KERNEL:
        wanted = ".".join(map(str, MINIMUM_KERNEL))
        raise CannotPrepare(f"kernel {release} is too old: {wanted} or newer is needed.")
    if "overlay" not in Path("/proc/filesystems").read_text().split() and subprocess.call(["modprobe", "overlay"]) != 0:
        raise CannotPrepare("the kernel has no overlay filesystem (modprobe overlay failed).")
    if not Path("/proc/self/ns/user").exists():
        raise CannotPrepare("the kernel was built without user namespaces (CONFIG_USER_NS).")


def packages(wanted: dict[str, str]) -> Callable[[], None]:
    """Install the Debian packages whose witness file is absent."""

    def step() -> None:
        missing = [name for name, witness in wanted.items() if not Path(witness).exists()]
        if not missing:
            return
        if shutil.which("apt-get") is None:
            raise CannotPrepare(f"please install {', '.join(missing)} with your distribution's package manager.")
        if os.geteuid() != 0:
            raise CannotPrepare(f"the packages {', '.join(missing)} are missing. Run this once with sudo.")
        with told(f"installing Debian packages: {' '.join(missing)}"), services_not_started():
            quiet(["apt-get", "update", "-qq"])
            quiet(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing])

    return step


def environment(lock: str) -> Callable[[], None]:
    """A virtual environment that holds exactly ``requirements/<lock>.lock``; ``dev`` includes ``run``."""

    def step() -> None:
        run_key, dev_key = (fingerprint([ROOT / f"requirements/{name}.lock"], sys.version) for name in ("run", "dev"))
        present = stamp("environment") if (VENV / "bin/python").exists() else ""
        if present == dev_key or (lock == "run" and present == run_key):
            return
        with told(f"installing Python packages from requirements/{lock}.lock"):
            if not (VENV / "bin/pip").exists():
                quiet([sys.executable, "-m", "venv", "--clear", str(VENV)])
            requirements = str(ROOT / f"requirements/{lock}.lock")
            quiet([str(VENV / "bin/pip"), "install", "--quiet", "--require-hashes", "--requirement", requirements])
        set_stamp("environment", run_key if lock == "run" else dev_key)

    return step


def front_end(*, for_tests: bool = False) -> Callable[[], None]:
    """The few browser files of the npm lock, copied to static/vendor; what only tests use stays in node_modules."""

    def step() -> None:
        key = front_end_key()
        with_tests = f"{key} with tests"
        present = stamp("front-end") if (ROOT / "static/vendor").is_dir() else ""
        if present == with_tests or (present == key and not for_tests):
            return
        with told("fetching front-end packages from package-lock.json"):
            manage("assets", *(["--for-tests"] if for_tests else []))
        set_stamp("front-end", with_tests if for_tests else key)

    return step


def front_end_key() -> str:
    """Over the packages, and over all that may name an icon of theirs."""
    naming = {
        line.strip() for path in files("console", ".py") for line in path.read_text().splitlines() if "icon" in line
    }
    return fingerprint([ROOT / "package-lock.json", *files("templates", ".html")], *sorted(naming))


def bytecode() -> None:
    """Our own Python, compiled once: processes that start together would each do it, and containers at every start.

    What is compiled already is found by its time, faster than by a digest.
    """
    quiet([str(VENV / "bin/python"), "-m", "compileall", "-q", "console", "engine"])


def messages() -> None:
    """Translations, compiled."""
    catalogs = list(files("locale", ".po"))
    key = fingerprint(catalogs)
    if stamp("messages") == key and all(po.with_suffix(".mo").exists() for po in catalogs):
        return
    with told("compiling translations"):
        manage("compilemessages", "--ignore=node_modules", "--ignore=.venv")
    set_stamp("messages", key)


def static_files() -> None:
    """Static files under the hashed names that the web server hands out."""
    key = fingerprint(files("static", ""))
    if stamp("static") == key and (ROOT / "var/static").is_dir():
        return
    with told("collecting static files"):
        manage("collectstatic", "--noinput", "--clear")
    set_stamp("static", key)


# --- what the steps are made of --------------------------------------------------------------------------------------


def manage(*arguments: str) -> None:
    # a set-up command must not need the secret key that the first start makes
    quiet([str(VENV / "bin/python"), "manage.py", *arguments], env={**os.environ, "NARU_SETUP": "1"})


def quiet(argv: list[str], env: dict[str, str] | None = None) -> None:
    """Run ``argv``; its output is shown only when it fails."""
    environ = {**(env or os.environ), "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-25:])
        raise CannotPrepare(f"`{' '.join(argv)}` failed with {done.returncode}:\n{tail}")


@contextlib.contextmanager
def services_not_started() -> Iterator[None]:
    """Keep apt from starting redis-server and dockerd as system services: the project runs its own."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"naru: {what} …", flush=True)
    yield
    print(f"naru:   done in {time.monotonic() - started:.1f} s", flush=True)


def files(folder: str, suffix: str) -> Iterable[Path]:
    return sorted(path for path in (ROOT / folder).rglob(f"*{suffix}") if path.is_file())


def fingerprint(paths: Iterable[Path], *words: str) -> str:
    digest = hashlib.sha256(repr(words).encode())
    for path in paths:
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def stamp(step: str) -> str:
    path = STAMPS / step
    return path.read_text() if path.exists() else ""


def set_stamp(step: str, key: str) -> None:
    STAMPS.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=STAMPS, delete=False) as new:
        new.write(key)
    Path(new.name).replace(STAMPS / step)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
