"""What sharing a published port costs: requests a second to one that three containers answer on, and to one's own.

    python -m benchmarks.shared_ports [--rounds 6] [--seconds 1] [--clients 4] [--members 3]

Both are asked in turns, from the host's loopback, a connection for each request, of busybox's httpd. Needs root,
busybox-static and the docker client.
"""

import argparse
import os
import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from benchmarks.contenders import IMAGE, Contender, busybox_tar, ours, temporary_directory

_OWN, _SHARED = 18091, 18092
_SERVE = "mkdir /w; echo there > /w/index.html; exec httpd -f -p 80 -h /w"
_READY_S = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Requests a second through a shared port and a container's own.")
    parser.add_argument("--rounds", type=int, default=6, metavar="N", help="of each (default 6)")
    parser.add_argument("--seconds", type=float, default=1, metavar="N", help="that a round lasts (default 1)")
    parser.add_argument("--clients", type=int, default=4, metavar="N", help="at the same time (default 4)")
    parser.add_argument("--members", type=int, default=3, metavar="N", help="of the shared port (default 3)")
    parser.add_argument("--work-dir", type=Path, default=Path("/var/tmp"), help="where the engine keeps its files")
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("must run as root: it starts a container engine")
    with ExitStack() as undo:
        work = Path(undo.enter_context(temporary_directory(options.work_dir)))
        engine = undo.enter_context(ours(work, None, ""))
        set_up(engine, members=options.members)
        rates: dict[int, list[float]] = {_OWN: [], _SHARED: []}
        for number in range(options.rounds):
            for port in (_OWN, _SHARED) if number % 2 else (_SHARED, _OWN):
                rates[port].append(requests_per_s(port, clients=options.clients, seconds=options.seconds))
    own, shared = (statistics.median(rates[port]) for port in (_OWN, _SHARED))
    print(f"medians of {options.rounds} rounds in turns; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print(f"one container's own port   {own:8.0f} requests/s")
    print(f"a port that {options.members} share        {shared:8.0f} requests/s, ratio {shared / own:.2f}")


def set_up(engine: Contender, *, members: int) -> None:
    engine.docker("import", "-", IMAGE, stdin=busybox_tar())
    engine.docker("run", "-d", "-p", f"{_OWN}:80", IMAGE, "sh", "-c", _SERVE)
    for _ in range(members):
        engine.docker("run", "-d", "-l", "naru.shared-ports=web", "-p", f"{_SHARED}:80", IMAGE, "sh", "-c", _SERVE)
    for port in (_OWN, _SHARED):
        wait_until_answered(port)


def wait_until_answered(port: int) -> None:
    limit = time.monotonic() + _READY_S
    while True:
        try:
            return ask(port)
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)


def requests_per_s(port: int, *, clients: int, seconds: float) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        counts = list(pool.map(lambda _: answered_until(port, began + seconds), range(clients)))
    return sum(counts) / (time.monotonic() - began)


def answered_until(port: int, end: float) -> int:
    count = 0
    while time.monotonic() < end:
        ask(port)
        count += 1
    return count


def ask(port: int) -> None:
    """Raises OSError when nobody answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while piece := client.recv(4096):
            answer += piece
    if b"there" not in answer:
        raise ConnectionError(f"answered {answer!r}")


if __name__ == "__main__":
    main()
