"""Looking at the processes that unpack archives."""

from pathlib import Path


def workers_of(engine_pid: int) -> list[int]:
    """Children of the spawner that the process started: those of other engines are not among them."""
    spawners = [pid for pid in _children(engine_pid) if b"confined_worker" in _command(pid)]
    return [worker for spawner in spawners for worker in _children(spawner)]


def _children(pid: int) -> list[int]:
    """Of all its threads: a child belongs to the one that started it (proc(5), task/TID/children)."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        try:
            found += map(int, (thread / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
