"""How long images take to load, save, pull, build and commit: our engine and a private dockerd, in turns.

    python -m benchmarks.images [--rounds 3] [--only load,pull] [--json] [--check]

Everything runs in a network namespace of its own, which this program enters first: the registry (Debian's
docker-registry), both daemons, and the client. Before each run the disk's write-back is waited for. Beside the seconds
stand those of processor time that each engine took, its helpers and containers included and the client not: on a
machine that others use, too, they tell more. Needs root, docker-registry, busybox-static and the docker client.
"""

import argparse
import functools
import json
import os
import platform
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.contenders import IMAGE, Contender, busybox_tar, ours, reference, temporary_directory
from benchmarks.sample_image import FILES, MEGABYTES, NAME, enter_network, registry, write_archive

_BUILT = "benchmark/built:1"
_COMMITTED = "benchmark/committed:1"
_WRITER = "benchmark-writer"
_CGROUPS = Path("/sys/fs/cgroup")
_DAEMONS = ("python", "dockerd", "containerd")
_DOCKERFILE = f"""FROM {IMAGE}
RUN echo one > /one
RUN echo two > /two
COPY files /files
RUN echo three > /three
RUN echo four > /four
RUN cat /one /two /three /four > /all
"""


@dataclass
class Measured:
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Task:
    """``once`` is what is timed; ``before`` and ``after`` are not. ``wanted`` is the largest good ratio to dockerd."""

    name: str
    title: str
    wanted: float
    once: Callable[[Contender, Path], object]
    before: Callable[[Contender, Path], object] = lambda _contender, _work: None
    after: Callable[[Contender, Path], object] = lambda _contender, _work: None


def main() -> None:
    options = arguments()
    if os.geteuid() != 0:
        raise SystemExit("must run as root: it starts container engines")
    enter_network("benchmarks.images")
    with ExitStack() as undo:
        work = Path(undo.enter_context(temporary_directory(options.work_dir)))
        undo.enter_context(registry(work))
        contenders = [undo.enter_context(ours(work, None, options.runtime))]
        if shutil.which("dockerd"):
            contenders.append(undo.enter_context(reference(work, None, own_network=False)))
        accounts = {one.name: undo.enter_context(account(one, work)) for one in contenders}
        prepare(contenders, work)
        tasks = [task for task in TASKS if task.name in options.only]
        rows = [measure(task, contenders, accounts, work, options.rounds) for task in tasks]
    result = report(rows, options.rounds)
    print(json.dumps(result, indent=2) if options.json else as_text(result))
    if options.check and any(row["missed"] for row in result["rows"]):
        raise SystemExit("too slow: see above")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time what is done with images for our engine and dockerd.")
    names = [task.name for task in TASKS]
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each (default 3)")
    parser.add_argument("--only", default=",".join(names), metavar="NAMES", help=f"of {', '.join(names)}; with commas")
    parser.add_argument("--runtime", default="", help="for our engine: crun or runc")
    parser.add_argument("--work-dir", type=Path, default=Path("/var/tmp"), help="where daemons keep their files")
    parser.add_argument("--json", action="store_true", help="print JSON with every single time instead of text")
    parser.add_argument("--check", action="store_true", help="exit 1 when a ratio is larger than it should be")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(names):
        parser.error(f"--only: {', '.join(sorted(unknown))} is not one of {', '.join(names)}")
    if options.rounds < 2:
        parser.error("--rounds: two runs are the least that have a median and a spread")
    return options


# -- processor time


class Account:
    """The processor time of an engine: of a control group that its daemons are put into, and of its containers'."""

    def __init__(self, groups: Sequence[Path]) -> None:
        self._groups = groups

    def cpu_s(self) -> float:
        return sum(map(_used_s, self._groups))


def _used_s(group: Path) -> float:
    """Of all that is or ever was in it (cgroup v1 cpuacct.usage, nanoseconds; v2 cpu.stat, microseconds)."""
    if (group / "cpuacct.usage").exists():
        return int((group / "cpuacct.usage").read_text()) / 1e9
    if (group / "cpu.stat").exists():
        return int((group / "cpu.stat").read_text().split()[1]) / 1e6
    return 0.0


@contextmanager
def account(contender: Contender, work: Path) -> Iterator[Account]:
    root = _CGROUPS / "cpuacct" if (_CGROUPS / "cpuacct").is_dir() else _CGROUPS
    own = root / f"{work.name}-{contender.name}"
    own.mkdir()
    pids = daemons(contender, work)
    try:
        for pid in pids:
            (own / "cgroup.procs").write_text(str(pid))
        yield Account([own, root / containers_parent(contender, work)])
    finally:
        for line in (own / "cgroup.procs").read_text().split():
            (root / "cgroup.procs").write_text(line)
        own.rmdir()


def daemons(contender: Contender, work: Path) -> list[int]:
    """Those that name our work directory to be theirs."""
    mark = str(work / ("naru" if contender.name == "naru" else "docker")).encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            name = (process / "comm").read_text().strip()
        except OSError:
            continue  # it has ended
        if name.startswith(_DAEMONS) and any(mark in word for word in words):
            found.append(int(process.name))
    return found


def containers_parent(contender: Contender, work: Path) -> str:
    if contender.name != "naru":
        return work.name
    from engine.config import EngineConfig

    return EngineConfig(data_root=work / "naru").cgroup_parent


# -- what is measured


def prepare(contenders: Sequence[Contender], work: Path) -> None:
    """The archive, the registry's image, the build's context; and a container whose files are to be committed."""
    write_archive(work / "sample.tar")
    context = work / "context"
    (context / "files").mkdir(parents=True)
    (context / "Dockerfile").write_text(_DOCKERFILE)
    for number in range(50):
        (context / "files" / str(number)).write_bytes(os.urandom(10_000))
    for contender in contenders:
        contender.docker("import", "-", IMAGE, stdin=busybox_tar())
        program = "cd /tmp; for n in 1 2 3 4 5 6 7 8 9 10; do head -c 2000000 /dev/urandom > $n; done"
        contender.docker("run", "--name", _WRITER, IMAGE, "sh", "-c", program)
    contenders[-1].docker("load", "--input", str(work / "sample.tar"))  # dockerd's gzip is everybody's
    contenders[-1].docker("push", NAME)
    contenders[-1].docker("rmi", NAME)


def load(contender: Contender, work: Path) -> None:
    contender.docker("load", "--input", str(work / "sample.tar"))


def save(contender: Contender, _work: Path) -> None:
    command = ["docker", "--host", f"unix://{contender.socket}", "save", NAME]
    subprocess.run(command, env=contender.environment, stdout=subprocess.DEVNULL, check=True)


def pull(contender: Contender, _work: Path) -> None:
    contender.docker("pull", NAME)


def forget(contender: Contender, _work: Path) -> None:
    contender.docker("rmi", NAME)


def build(contender: Contender, work: Path, *, afresh: bool) -> None:
    options = ["--no-cache"] if afresh else []
    classic = replace(contender, environment={**contender.environment, "DOCKER_BUILDKIT": "0"})
    classic.docker("build", *options, "--tag", _BUILT, str(work / "context"))


def commit(contender: Contender, _work: Path) -> None:
    contender.docker("commit", _WRITER, _COMMITTED)


def uncommit(contender: Contender, _work: Path) -> None:
    contender.docker("rmi", _COMMITTED)


TASKS = (
    Task("load", f"load of {MEGABYTES} MB, {FILES:,} files", 0.5, load, after=forget),
    Task("save", "save of it", 0.5, save, before=load, after=forget),
    Task("pull", "pull of it, gzip", 0.5, pull, after=forget),
    Task("build", "build of 5 RUN and COPY, no cache", 0.2, functools.partial(build, afresh=True)),
    Task("cached", "the same, all cached", 0.6, functools.partial(build, afresh=False)),
    Task("commit", "commit of 20 MB", 0.6, commit, after=uncommit),
)


def measure(
    task: Task, contenders: Sequence[Contender], accounts: dict[str, Account], work: Path, rounds: int
) -> tuple[Task, dict[str, Measured]]:
    """One run more than ``rounds``, the first of which finds cold caches and does not count."""
    found = {contender.name: Measured() for contender in contenders}
    for number in range(rounds + 1):
        for contender in contenders if number % 2 else reversed(contenders):
            task.before(contender, work)
            os.sync()
            cpu_s, began = accounts[contender.name].cpu_s(), time.perf_counter()
            task.once(contender, work)
            wall_s = time.perf_counter() - began
            if number:
                found[contender.name].wall_s.append(wall_s)
                found[contender.name].cpu_s.append(accounts[contender.name].cpu_s() - cpu_s)
            task.after(contender, work)
    return task, found


def report(rows: Sequence[tuple[Task, dict[str, Measured]]], rounds: int) -> dict[str, Any]:
    return {
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "rounds": rounds,
        "load_average": round(os.getloadavg()[0], 2),
        "rows": [_row(task, found) for task, found in rows],
    }


def _row(task: Task, found: dict[str, Measured]) -> dict[str, Any]:
    row: dict[str, Any] = {"what": task.title, "wanted": task.wanted, "missed": False, "times": {}}
    for name, measured in found.items():
        row["times"][name] = {"wall_s": measured.wall_s, "cpu_s": measured.cpu_s}
        row[name] = round(statistics.median(measured.wall_s), 3)
        row[f"{name} cpu"] = round(statistics.median(measured.cpu_s), 3)
    if "dockerd" in found:
        row["ratio"] = round(row["naru"] / row["dockerd"], 3)
        row["cpu ratio"] = round(row["naru cpu"] / max(row["dockerd cpu"], 0.001), 3)
        row["missed"] = row["ratio"] > task.wanted
    return row


def as_text(result: dict[str, Any]) -> str:
    columns = ("naru", "dockerd", "ratio", "wanted", "naru cpu", "dockerd cpu", "cpu ratio")
    lines = [
        f"medians of {result['rounds']} runs, taking turns, in seconds; Linux {result['kernel']}, "
        f"{result['cpus']} CPUs, load {result['load_average']}",
        " " * 36 + "".join(f"{column:>13}" for column in columns),
    ]
    for row in result["rows"]:
        mark = "  missed" if row["missed"] else ""
        figures = "".join(f"{row.get(column, ''):>13}" for column in columns)
        lines.append(f"{row['what']:36}{figures}{mark}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
