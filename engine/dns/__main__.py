"""``python -m engine.dns SOCKET``, started by the engine."""

import asyncio
import logging
import socket
import sys

from engine.dns.privileges import drop_privileges
from engine.dns.server import Server

_BACKLOG = 4


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    control = socket.socket(fileno=int(sys.argv[1]))
    control.listen(_BACKLOG)
    drop_privileges()
    asyncio.run(Server(control).run())


if __name__ == "__main__":
    main()
