"""How long a service takes from one container to fifty: a stack's deployment on our engine, docker-compose on dockerd.

Each from looking at the host to the last container that runs; docker-compose is 1.29, the dockerd a private one.

python -m benchmarks.stack_scale [--to 50] [--rounds 3] [--max-ratio 0.2] [--json]
"""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.contenders import IMAGE, RUN_TIMEOUT_S, Contender, common_arguments, compare, parsed

COMPOSE = "/usr/bin/docker-compose"
TEXT = f"""\
version: "3"
services:
  web: {{image: "{IMAGE}", command: [sleep, "1000000"], stop_signal: SIGKILL}}
"""


def main() -> None:
    parser = common_arguments(__doc__.splitlines()[0], rounds=3, warm_up=0)
    parser.add_argument("--to", type=int, default=50, metavar="N", help="containers in the end (default 50)")
    options = parsed(parser)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "console.project.settings", "NARU_SETUP": "1"}
    import django

    django.setup()

    def once(contender: Contender) -> float:
        scale = composed if contender.name == "dockerd" else deployed
        scale(contender, 1)
        try:
            begin = time.perf_counter()
            scale(contender, options.to)
            took_s = time.perf_counter() - begin
            running = contender.docker("ps", "-q").split()
            if len(running) != options.to:
                raise SystemExit(f"{contender.name}: {len(running)} of {options.to} run")
            return took_s
        finally:
            contender.docker("rm", "-f", *contender.docker("ps", "-aq").split())

    compare(options, what=f"web: 1 → {options.to}", once=once)


def composed(contender: Contender, count: int) -> None:
    folder = Path(contender.places[0]) / "project"
    folder.mkdir(exist_ok=True)
    (folder / "docker-compose.yml").write_text(TEXT)
    environment = {**contender.environment, "DOCKER_HOST": f"unix://{contender.socket}"}
    argv = [COMPOSE, "-p", "bench", "up", "-d", "--scale", f"web={count}"]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, timeout=RUN_TIMEOUT_S, check=False)
    if done.returncode:
        raise SystemExit(f"docker-compose: {done.stderr.decode(errors='replace')}")


def deployed(contender: Contender, count: int) -> None:
    asyncio.run(_deployed(f"unix://{contender.socket}", count))


async def _deployed(address: str, count: int) -> None:
    """As the agent does it, but that nobody is told."""
    from console.hosts.gateway import connect
    from console.stacks.compose.loading import Request, load
    from console.stacks.jobs import deploy
    from console.stacks.looking import look
    from console.stacks.parcels import hidden
    from console.stacks.planning.steps import plan

    text = TEXT.replace("SIGKILL}", f"SIGKILL, scale: {count}}}").replace('version: "3"\n', "")
    project = load(Request("/bench"), {"/bench/compose.yaml": text}.get).project
    async with connect(address) as engine:
        found = plan(project, await look(engine, project))
    args: dict[str, Any] = {**hidden(project, {}), "plan": found.digest, "digests": {}, "release": 1}
    await deploy(Run(address), args)  # type: ignore[arg-type]


class Run:
    """A job's run without a console."""

    attempt, label = 1, {"naru.job": "1"}

    def __init__(self, address: str) -> None:
        self._address = address

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Any]:
        from console.hosts.gateway import connect

        async with connect(self._address) as engine:
            yield engine

    async def write(self, text: str) -> None:
        """Nobody reads it."""

    async def tell(self, kind: str, **fact: Any) -> None:
        """Nobody listens."""

    def resolved(self, text: str) -> str:
        return text


if __name__ == "__main__":
    main()
