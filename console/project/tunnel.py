"""A host's end of the tunnel to its console: a small process of its own, beside the agent.

python -m console.project.tunnel

It loads neither Django nor Celery, so a terminal's keys wait for no job, and it stays when the agent is started again.
"""

import asyncio
import logging

from console.hosts.tunnel.calling import Call, call_for_ever
from console.hosts.tunnel.frames import Welcome
from console.project.environment import Environment
from console.project.known_as import known_as, remember


def call_of(environment: Environment) -> Call:
    """ValueError when something is missing or would not be safe."""
    if not environment.console_key:
        raise ValueError(
            "there is no key to call the console with: NARU_CONSOLE_KEY, or a file console.key in NARU_DATA"
        )
    call = Call(environment.console, environment.engine, environment.console_key, environment.console_plain)
    # asked for here, so that it is known before anything is started
    assert call.url
    return call


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    environment = Environment.read()

    def welcomed(welcome: Welcome) -> None:
        # the launcher sees the file change, and starts this host's parts anew under the other name or key
        if known_as(environment.known_as_path) != welcome:
            remember(environment.known_as_path, welcome)

    asyncio.run(call_for_ever(call_of(environment), welcomed))


if __name__ == "__main__":
    main()
