"""How long it takes to read a Compose file of many services and to plan it: against an empty host, and against itself.

python -m benchmarks.stack_plan [--services 200] [--rounds 9] [--json]
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the reading and the planning of a stack.")
    parser.add_argument("--services", type=int, default=200, metavar="N")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    options = parser.parse_args()
    found = measured(options.services, options.rounds)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(f"{name:32}{value:>12}" for name, value in found.items()))


def text_of(services: int) -> str:
    entries = [
        f"""  s{number}:
    image: "app:{number % 7}"
    ports: ["{10000 + number}:80"]
    environment: {{A: "${{X:-x}}", B: b, C: "3"}}
    volumes: ["data:/data", "./conf:/conf:ro"]
    depends_on: [{f"s{number - 1}" if number else ""}]
    healthcheck: {{test: [CMD, "true"], interval: 5s}}
    networks: [back]
"""
        for number in range(services)
    ]
    return "services:\n" + "".join(entries) + "volumes: {data: }\nnetworks: {back: }\n"


def measured(services: int, rounds: int) -> dict[str, float]:
    os.environ |= {"DJANGO_SETTINGS_MODULE": "console.project.settings", "NARU_SETUP": "1"}
    from console.stacks.compose.loading import Request, load
    from console.stacks.planning.steps import plan
    from tests.fakes.compose_host import Host

    files = {"/stack/compose.yaml": text_of(services)}
    project = load(Request("/stack"), files.get).project
    host = Host(**{f"app:{number}": "1" for number in range(7)})
    empty = host.world(project)
    host.apply(plan(project, empty), project)
    full = host.world(project)
    return {
        "services": services,
        "read (median, ms)": timed(lambda: load(Request("/stack"), files.get), rounds),
        "plan on an empty host (ms)": timed(lambda: plan(project, empty).digest, rounds),
        "plan with nothing to do (ms)": timed(lambda: plan(project, full).digest, rounds),
    }


def timed(work: Callable[[], Any], rounds: int) -> float:
    """The median in milliseconds of processor time, so that what else the machine does is left out."""
    found = []
    for _round in range(rounds):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return round(statistics.median(found) * 1000, 1)


if __name__ == "__main__":
    main()
