"""An engine that counts tasks, objects and memory when it gets SIGUSR2, and writes the numbers down; a program.

Arguments: the file to write, then those of ``python -m engine``. The file is renamed into place: JSON, name to number.
"""

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from engine.cli import main


def tell(path: Path) -> None:
    """In the event loop's thread: Python runs signal handlers between two of its steps."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free goes back to the kernel, so that what is resident is in use
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
    numbers = {"tasks": len(asyncio.all_tasks()), "resident": resident, "objects": sum(kinds.values()), **kinds}
    written = path.with_suffix(".new")
    written.write_text(json.dumps(numbers))
    os.rename(written, path)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, lambda *_: tell(Path(sys.argv[1])))
    main(sys.argv[2:])
