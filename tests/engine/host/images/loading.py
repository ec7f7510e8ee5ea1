"""A program for ``test_crash``: loads and removes one archive for ever, until it is killed."""

import asyncio
import sys
from pathlib import Path

from tests.engine.host.images.archives import chunked
from tests.engine.host.images.conftest import Engine


async def main(root: Path, archive: Path) -> None:
    engine = Engine(root)
    data = archive.read_bytes()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        await engine.archives.load(chunked(data))
        await engine.images.remove("test/busybox:1", in_use=lambda _: [])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
