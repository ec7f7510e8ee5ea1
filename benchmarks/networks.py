"""What networks cost: making one, joining a container to it, and what goes through, from container to container and
through a published port.

    python -m benchmarks.networks [--rounds 3] [--calls 10] [--seconds 3] [--json]

Our engine and a private dockerd (without its userland proxy, which would be slower) take turns. Throughput is iperf3's,
of one TCP connection, as the receiver counts it; the client of a published port is a container on the host's network,
at 127.0.0.1. Each has a network namespace to itself, so that what else this host filters counts for neither. Needs
root, iperf3, busybox-static and the docker client.
"""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender, busybox_tar, ours, reference, temporary_directory
from benchmarks.many_containers import Api, as_text, note, report

IMAGE = "naru-benchmark/iperf3:1"
_PORT = 5201
_IS_APART = "NARU_BENCHMARK_APART"
_READY_S = 10.0
_FULL_SPEED_S = 1  # the first second, while TCP still feels its way, is not counted


def main() -> None:
    options = arguments()
    if os.geteuid() != 0:
        raise SystemExit("must run as root: it starts container engines")
    if _IS_APART not in os.environ:
        run_apart()
    image = iperf_tar()
    with ExitStack() as undo:
        work = Path(undo.enter_context(temporary_directory(options.work_dir)))
        contenders = [undo.enter_context(ours(work, None, options.runtime))]
        if shutil.which("dockerd"):
            contenders.append(undo.enter_context(reference(work, None, arguments=["--userland-proxy=false"])))
        figures: dict[str, dict[str, list[float]]] = {contender.name: {} for contender in contenders}
        for contender in contenders:
            contender.docker("import", "-", IMAGE, stdin=image)
            undo.callback(contender.docker, "rm", "-f", "server", "joining")
            set_up(contender, ipv6=["--ipv6"] if contender.name == "naru" else ["--ipv6", "--subnet", "fd00:b::/64"])
        for number in range(options.rounds):
            for contender in contenders if number % 2 else reversed(contenders):
                measure(contender, options, figures[contender.name])
    result = report(figures, options)
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def run_apart() -> None:
    """The same program in a network namespace of its own; does not return."""
    command = [sys.executable, "-m", "benchmarks.networks", *sys.argv[1:]]
    inside = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
    os.execvpe(inside[0], inside, {**os.environ, _IS_APART: "1"})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time networks of our engine and dockerd, and what goes through.")
    parser.add_argument("--runtime", default="", help="for our engine: crun or runc")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="measured rounds (default 3)")
    parser.add_argument("--calls", type=int, default=10, metavar="N", help="networks and joins per round (default 10)")
    parser.add_argument("--seconds", type=int, default=3, metavar="N", help="of each transfer (default 3)")
    parser.add_argument("--work-dir", type=Path, default=Path("/var/tmp"), help="where daemons keep their files")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser.parse_args()


def set_up(contender: Contender, *, ipv6: list[str]) -> None:
    contender.docker("network", "create", *ipv6, "front")
    serve = ["run", "-d", "--network", "front", "--name", "server", "-p", f"{_PORT}:{_PORT}"]
    contender.docker(*serve, IMAGE, "iperf3", "-s")
    contender.docker("run", "-d", "--name", "joining", IMAGE, "sleep", "10000")


def measure(contender: Contender, options: argparse.Namespace, figures: dict[str, list[float]]) -> None:
    api = Api(contender)
    for number in range(options.calls):
        name = f"made{number}"
        note_ms(figures, "network made", lambda: api.ask("POST", "/networks/create", {"Name": name}))  # noqa: B023
        joined = {"Container": "joining"}
        note_ms(figures, "container joined", lambda: api.ask("POST", f"/networks/{name}/connect", joined))  # noqa: B023
        note_ms(figures, "container taken off", lambda: api.ask("POST", f"/networks/{name}/disconnect", joined))  # noqa: B023
        note_ms(figures, "network removed", lambda: api.ask("DELETE", f"/networks/{name}"))  # noqa: B023
    end = api.ask("GET", "/containers/server/json")["NetworkSettings"]["Networks"]["front"]
    for title, network, address in (
        ("container to container", "front", end["IPAddress"]),
        ("the same by IPv6", "front", end["GlobalIPv6Address"]),
        ("through a published port", "host", "127.0.0.1"),
    ):
        note(figures, f"{title}, Gbit/s", throughput(contender, network, address, seconds=options.seconds))


def note_ms(figures: dict[str, list[float]], title: str, act: Callable[[], object]) -> None:
    began = time.perf_counter()
    act()
    note(figures, f"{title}, ms", 1000 * (time.perf_counter() - began))


def throughput(contender: Contender, network: str, address: str, *, seconds: int) -> float:
    """In Gbit/s. The server may be busy yet with the end of the last one: asked again for a while."""
    client = ["iperf3", "-c", address, "-p", str(_PORT), "-t", str(seconds), "-O", str(_FULL_SPEED_S), "-J"]
    limit = time.monotonic() + _READY_S
    while True:
        try:
            told: dict[str, Any] = json.loads(contender.docker("run", "--rm", "--network", network, IMAGE, *client))
            return float(told["end"]["sum_received"]["bits_per_second"]) / 1e9
        except SystemExit:
            if time.monotonic() > limit:
                raise


def iperf_tar() -> bytes:
    """busybox, the host's iperf3, and the libraries that it is linked with."""
    program = shutil.which("iperf3")
    if program is None:
        raise SystemExit("iperf3 is needed for the image: install iperf3")
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    buffer = io.BytesIO(busybox_tar())
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        for path in (program, *re.findall(r"(/\S+) \(0x", linked)):
            # libraries where the loader looks by itself, wherever the host has them
            is_loader = Path(path).name.startswith("ld-linux")
            place = path[1:] if is_loader else f"{'bin' if path == program else 'lib'}/{Path(path).name}"
            entry = tar.gettarinfo(os.path.realpath(path), place)
            with Path(path).open("rb") as file:
                tar.addfile(entry, file)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
