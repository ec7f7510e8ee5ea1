"""What containers cost in numbers: fifty started at once and removed, exec, and the memory that they and engines take.

    python -m benchmarks.many_containers [--count 50] [--threads 8] [--rounds 5] [--json]

Our engine and a private dockerd get the same image and the same requests over their sockets, and take turns. Memory of
an idle engine is the resident set of its daemons; that of a running container is what the proportional sets of the
daemons and of their helpers beside it have grown by. Needs root,
busybox-static and the docker client.
"""

import argparse
import http.client
import json
import os
import platform
import shutil
import socket
import statistics
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.contenders import IMAGE, Contender, busybox_tar, ours, reference, temporary_directory

_DAEMONS = ("python", "dockerd", "containerd")
_HELPERS = (*_DAEMONS, "conmon", "docker-proxy")  # containerd-shim begins with containerd
_SETTLE_S = 3.0


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Api:
    """One kept connection, as a client library has."""

    def __init__(self, contender: Contender) -> None:
        self._connection = _Connection(contender.socket)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        self._connection.request(method, f"/v1.41{path}", data, {"Content-Type": "application/json"} if data else {})
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text) if text else None


def main() -> None:
    options = arguments()
    if os.geteuid() != 0:
        raise SystemExit("must run as root: it starts container engines")
    with ExitStack() as undo:
        work = Path(undo.enter_context(temporary_directory(options.work_dir)))
        contenders = [undo.enter_context(ours(work, None, options.runtime))]
        if shutil.which("dockerd"):
            contenders.append(undo.enter_context(reference(work, None)))
        figures: dict[str, dict[str, list[float]]] = {contender.name: {} for contender in contenders}
        for contender in contenders:
            contender.docker("import", "-", IMAGE, stdin=busybox_tar())
            contender.docker("run", "--rm", IMAGE, "true")
        for contender in contenders:
            time.sleep(_SETTLE_S)
            note(figures[contender.name], "idle memory, MB", memory_mb(contender, kind="Rss", names=_DAEMONS))
        for number in range(options.rounds):
            for contender in contenders if number % 2 else reversed(contenders):
                measure(contender, options, figures[contender.name])
    result = report(figures, options)
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time many containers at once against our engine and dockerd.")
    parser.add_argument("--runtime", default="", help="for our engine: crun or runc")
    parser.add_argument("--count", type=int, default=50, metavar="N", help="containers at once (default 50)")
    parser.add_argument("--threads", type=int, default=8, metavar="N", help="clients at once (default 8)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="measured rounds (default 3)")
    parser.add_argument("--execs", type=int, default=20, metavar="N", help="docker exec per round (default 20)")
    parser.add_argument("--work-dir", type=Path, default=Path("/var/tmp"), help="where daemons keep their files")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser.parse_args()


def measure(contender: Contender, options: argparse.Namespace, figures: dict[str, list[float]]) -> None:
    names = [f"many-{number}" for number in range(options.count)]
    before_mb = memory_mb(contender, kind="Pss", names=_HELPERS)
    note(figures, f"{options.count} started, s", timed(lambda: at_once(contender, options.threads, names, start)))
    time.sleep(_SETTLE_S)
    grown_mb = memory_mb(contender, kind="Pss", names=_HELPERS) - before_mb
    note(figures, "memory per running container, MB", grown_mb / options.count)
    for _ in range(options.execs):
        note(figures, "docker exec C true, ms", 1000 * timed(lambda: contender.docker("exec", names[0], "true")))
    note(figures, f"{options.count} removed, s", timed(lambda: at_once(contender, options.threads, names, remove)))
    time.sleep(_SETTLE_S)  # the kernel takes network namespaces apart for a while
    for words in (["--network", "none"], ["-p", "127.0.0.1::80"], []):
        title = f"docker run --rm {' '.join([*words[:1], *words[1:2]])}".strip()
        for _ in range(options.execs // 2):
            note(figures, f"{title}, ms", 1000 * contender.timed("run", "--rm", *words, IMAGE, "true"))


def start(api: Api, name: str) -> None:
    api.ask("POST", f"/containers/create?name={name}", {"Image": IMAGE, "Cmd": ["sleep", "1000"]})
    api.ask("POST", f"/containers/{name}/start")


def remove(api: Api, name: str) -> None:
    api.ask("DELETE", f"/containers/{name}?force=1")


def at_once(contender: Contender, threads: int, names: list[str], act: Callable[[Api, str], None]) -> None:
    def work(part: Iterable[str]) -> None:
        api = Api(contender)
        for name in part:
            act(api, name)

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, names[first::threads]) for first in range(threads)]:
            done.result()


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def note(figures: dict[str, list[float]], title: str, value: float) -> None:
    figures.setdefault(title, []).append(value)


def memory_mb(contender: Contender, *, kind: str, names: Collection[str]) -> float:
    """``kind`` is "Rss" or "Pss" (proc(5), smaps_rollup); of processes that name a directory of the contender's."""
    marks = [os.fsencode(place) for place in contender.places]
    total_kb = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            name = (process / "comm").read_text().strip()
            if name.startswith(tuple(names)) and any(mark in word for mark in marks for word in words):
                rollup = (process / "smaps_rollup").read_text()
                total_kb += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith(f"{kind}:"))
        except (OSError, StopIteration):
            continue  # it has ended
    return total_kb / 1024


def report(figures: dict[str, dict[str, list[float]]], options: argparse.Namespace) -> dict[str, Any]:
    rows = []
    for title, values in figures["naru"].items():
        row: dict[str, Any] = {"what": title, "naru": round(statistics.median(values), 2)}
        if other := figures.get("dockerd", {}).get(title):
            row["dockerd"] = round(statistics.median(other), 2)
            row["ratio"] = round(row["naru"] / row["dockerd"], 3) if row["dockerd"] else None
        rows.append(row)
    return {
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "rounds": options.rounds,
        "load_average": round(os.getloadavg()[0], 2),
        "rows": rows,
    }


def as_text(result: dict[str, Any]) -> str:
    lines = [
        f"medians of {result['rounds']} rounds, taking turns; Linux {result['kernel']}, {result['cpus']} CPUs, "
        f"load {result['load_average']}",
        f"{'':44}{'naru':>10}{'dockerd':>10}{'ratio':>8}",
    ]
    lines += [
        f"{row['what']:44}{row['naru']:>10}{row.get('dockerd', ''):>10}{row.get('ratio', ''):>8}"
        for row in result["rows"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
