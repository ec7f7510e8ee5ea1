"""What benchmarks measure: our engine and a private dockerd, started the same way, and a table of their times.

Both get the same image (busybox) and the same client, and take turns, so that what else the machine does hits both.
Each daemon that is started here has a temporary directory of its own; dockerd also has a network namespace of its own,
so that neither its bridge nor its firewall rules touch the machine. Needs root, busybox-static and the docker client.
"""

import argparse
import io
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

IMAGE = "naru-benchmark/busybox:1"
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
RUN_TIMEOUT_S = 120.0
# what daemons keep in /run, which is in memory on every distribution
IN_MEMORY = Path("/dev/shm")
REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass
class Contender:
    """A daemon to measure, by its socket, and the seconds each run took. ``places``: directories that are its own."""

    name: str
    socket: Path
    environment: dict[str, str]
    places: tuple[Path, ...] = ()
    times_s: list[float] = field(default_factory=list)

    def docker(self, *arguments: str, stdin: bytes | None = None) -> str:
        done = subprocess.run(
            ["docker", "--host", f"unix://{self.socket}", *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            env=self.environment,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise SystemExit(
                f"{self.name}: docker {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}"
            )
        return done.stdout.decode()

    def version(self) -> str:
        return self.docker("version", "--format", "{{.Server.Version}}").strip()

    def timed(self, *arguments: str) -> float:
        """Seconds that this call of the client takes; what it prints is read and dropped."""
        began = time.perf_counter()
        self.docker(*arguments)
        return time.perf_counter() - began

    def figures(self) -> dict[str, Any]:
        ordered = sorted(self.times_s)
        return {
            "name": self.name,
            "version": self.version(),
            "median_ms": round(statistics.median(ordered) * 1000, 1),
            "p95_ms": round(statistics.quantiles(ordered, n=20, method="inclusive")[-1] * 1000, 1),
            "min_ms": round(ordered[0] * 1000, 1),
            "max_ms": round(ordered[-1] * 1000, 1),
            "times_ms": [round(one * 1000, 1) for one in self.times_s],
        }


Measured = Callable[[Contender], float]


def common_arguments(description: str, *, rounds: int, warm_up: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--socket", type=Path, help="of an engine that runs already; default: start one")
    parser.add_argument("--reference-socket", type=Path, help="of a dockerd that runs already; default: start one")
    parser.add_argument("--runtime", default="", help="for the engine started here: crun or runc")
    parser.add_argument("--rounds", type=int, default=rounds, metavar="N", help=f"measured each (default {rounds})")
    parser.add_argument("--warm-up", type=int, default=warm_up, metavar="N", help=f"not counted (default {warm_up})")
    parser.add_argument("--pause", type=float, default=0.0, metavar="S", help="idle seconds before every run")
    parser.add_argument("--work-dir", type=Path, default=Path("/var/tmp"), help="where daemons keep their files")
    parser.add_argument("--json", action="store_true", help="print JSON with every single time instead of text")
    parser.add_argument("--max-ratio", type=float, metavar="R", help="exit 1 if ours/dockerd of the medians exceeds R")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds: two runs are the least that have a median and a spread")
    return options


def compare(
    options: argparse.Namespace, *, what: str, once: Measured, prepare: Callable[[Contender], object] | None = None
) -> None:
    """Measure ``once`` on each contender in turns, print the result, and exit 1 if it is too slow."""
    if os.geteuid() != 0:
        raise SystemExit("must run as root: it starts container engines")
    with contenders(options) as both:
        if prepare is not None:
            for contender in both:
                prepare(contender)
        measure(both, options, once)
        result = report(both, options, what)
    print(json.dumps(result, indent=2) if options.json else as_text(result))
    judge(result["ratio"], options.max_ratio)


@contextmanager
def contenders(options: argparse.Namespace) -> Iterator[list[Contender]]:
    """Ours, and dockerd where there is one; both have IMAGE."""
    with ExitStack() as undo:
        work = Path(undo.enter_context(temporary_directory(options.work_dir)))
        found = [undo.enter_context(ours(work, options.socket, options.runtime))]
        if options.reference_socket or shutil.which("dockerd"):
            found.append(undo.enter_context(reference(work, options.reference_socket)))
        image = busybox_tar()
        for contender in found:
            contender.docker("import", "-", IMAGE, stdin=image)
        yield found


def measure(both: list[Contender], options: argparse.Namespace, once: Measured) -> None:
    for number in range(options.warm_up + options.rounds):
        # the second of a pair finds warmer caches: each is it every other time
        for contender in both if number % 2 else reversed(both):
            time.sleep(options.pause)
            taken_s = once(contender)
            if number >= options.warm_up:
                contender.times_s.append(taken_s)


def report(both: list[Contender], options: argparse.Namespace, what: str) -> dict[str, Any]:
    figures = [contender.figures() for contender in both]
    ratio = round(figures[0]["median_ms"] / figures[1]["median_ms"], 3) if len(figures) == 2 else None
    return {
        "command": what,
        "rounds": options.rounds,
        "pause_s": options.pause,
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "contenders": figures,
        "ratio": ratio,
    }


def as_text(result: dict[str, Any]) -> str:
    lines = [
        f"{result['command']}: {result['rounds']} runs each, taking turns, {result['pause_s']:g} s idle before each; "
        f"Linux {result['kernel']}, {result['cpus']} CPUs, load {result['load_average']}",
        f"{'':28}{'median':>10}{'p95':>10}{'min':>10}{'max':>10}  (ms)",
    ]
    for one in result["contenders"]:
        figures = (f"{one[key]:>10.1f}" for key in ("median_ms", "p95_ms", "min_ms", "max_ms"))
        lines.append(f"{one['name'] + ' ' + one['version']:28}{''.join(figures)}")
    if result["ratio"] is None:
        lines.append("ratio: none, because dockerd is not installed")
    else:
        lines.append(f"ratio of the medians, ours / dockerd: {result['ratio']:.3f}")
    return "\n".join(lines)


def judge(ratio: float | None, max_ratio: float | None) -> None:
    if max_ratio is None:
        return
    if ratio is None:
        raise SystemExit("--max-ratio needs a dockerd to compare with: install docker.io or give --reference-socket")
    if ratio > max_ratio:
        raise SystemExit(f"too slow: ratio {ratio} is above {max_ratio}")


@contextmanager
def temporary_directory(parent: Path) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="naru-bench-", dir=parent))
    path.chmod(0o711)  # containers in user namespaces look through it
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def ours(work: Path, socket: Path | None, runtime: str) -> Iterator[Contender]:
    if socket is not None:
        yield Contender("naru", socket, client_environment(work))
        return
    engine = [sys.executable, "-m", "engine"]
    choice = ["--runtime", runtime] if runtime else []
    with ExitStack() as undo:
        run = Path(undo.enter_context(temporary_directory(IN_MEMORY)))
        roots = ["--data-root", str(work / "naru"), "--run-root", str(run)]
        contender = Contender("naru", run / "engine.sock", client_environment(work), (work / "naru", run))
        log = work / "naru.log"
        undo.callback(run_quietly, [*engine, "purge", *roots])
        undo.enter_context(daemon([*engine, "serve", *roots, *choice], log))
        wait_until_ready(contender, log)
        yield contender


@contextmanager
def reference(
    work: Path, socket: Path | None, *, own_network: bool = True, arguments: Sequence[str] = ()
) -> Iterator[Contender]:
    """``arguments`` are dockerd's, besides those that keep it apart."""
    if socket is not None:
        yield Contender("dockerd", socket, client_environment(work))
        return
    root = work / "docker"
    root.mkdir()
    with ExitStack() as undo:
        run = Path(undo.enter_context(temporary_directory(IN_MEMORY)))
        contender = Contender("dockerd", run / "d.sock", client_environment(work), (root, run))
        command = ["dockerd", "--data-root", f"{root}/data", "--exec-root", f"{run}/exec", "--pidfile", f"{run}/pid"]
        command += ["--host", f"unix://{contender.socket}", "--cgroup-parent", f"/{work.name}", *arguments]
        in_namespace = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
        undo.callback(remove_cgroups, work.name)
        undo.callback(unmount_below, root)
        undo.callback(unmount_below, run)
        undo.enter_context(daemon(in_namespace if own_network else command, work / "dockerd.log"))
        wait_until_ready(contender, work / "dockerd.log")
        yield contender


@contextmanager
def daemon(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(contender: Contender, log: Path) -> None:
    wait_for(contender.socket.exists, contender.name, log)

    def answers() -> bool:
        try:
            contender.version()
        except SystemExit:
            return False
        return True

    wait_for(answers, contender.name, log)


def wait_for(holds: Callable[[], bool], what: str, log: Path) -> None:
    limit = time.monotonic() + READY_TIMEOUT_S
    while not holds():
        if time.monotonic() > limit:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise SystemExit(f"{what} was not ready within {READY_TIMEOUT_S:g} s; the end of its log:\n{tail}")
        time.sleep(0.05)


def client_environment(work: Path) -> dict[str, str]:
    """Without the user's settings, contexts and credential helpers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    return kept | {"DOCKER_CONFIG": str(work / "client")}


def run_quietly(command: list[str]) -> None:
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=STOP_TIMEOUT_S, check=False)
    if done.returncode:
        print(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}", file=sys.stderr)


def unmount_below(root: Path) -> None:
    """What a dockerd leaves mounted when it is stopped; deepest first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((one for one in mounts if one.startswith(f"{root}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)


def remove_cgroups(name: str) -> None:
    """The parent that dockerd made for its containers and leaves, in every hierarchy."""
    root = Path("/sys/fs/cgroup")
    for parent in (root, *root.iterdir()):
        if (parent / name).is_dir():
            (parent / name).rmdir()


def busybox_tar() -> bytes:
    """A root file system with busybox and the few names that are called."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise SystemExit("busybox is needed for the image: install busybox-static")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for directory in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        tar.add(busybox, "bin/busybox")
        for name in ("sh", "true", "sleep", "echo", "seq", "cat", "yes", "head"):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return buffer.getvalue()
