"""``python -m engine.dns SOCKET``, started by the engine."""

import asyncio
import logging
import os
import socket
import sys

from engine.dns.privileges import drop_privileges
from engine.dns.server import Server

_BACKLOG = 4


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    control = socket.socket(fileno=int(sys.argv[1]))
    control.listen(_BACKLOG)
    # held while there is the right to reach it: by its links it shows whether anybody can still find us
    name = os.open(control.getsockname(), os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    drop_privileges()
    asyncio.run(Server(control, name=name).run())


if __name__ == "__main__":
    main()
