"""conmon: the small process beside each container that outlives the engine, writes its log and keeps its exit code.

conmon is started once per container, calls the runtime's ``create``, and stays. What it leaves in the bundle::

    pidfile       the container's first process, decimal      attach  socket, SOCK_SEQPACKET: output and input
    conmon.pid    its own                                     ctl     fifo: "1 HEIGHT WIDTH\n" resizes the terminal
    oom           exists if the kernel killed for memory      EXIT_DIR/<container id>  the exit code, decimal

The log is k8s-file: ``2006-01-02T15:04:05.000000000+00:00 stdout F text``; with TZ=UTC all before the text is
LOG_PREFIX bytes: "o" (stdout) or "e" (stderr) at [39], F (the line ended) or P (it goes on) at [43].
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from engine.host.processes import run
from engine.model.errors import Unavailable
from engine.oci.runtime import Runtime, RuntimeFailed, failure

LOG_PREFIX: Final = 45
_FAILED_PID: Final = -1
_CODE: Final = re.compile(r"-?[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Launched:
    """A created container: its first process waits for ``Runtime.start``. ``monitor_pid`` is conmon's."""

    pid: int
    monitor_pid: int


@dataclass(frozen=True, slots=True)
class Exited:
    code: int
    at: datetime


def attach_path(bundle: Path) -> Path:
    return bundle / "attach"


def control_path(bundle: Path) -> Path:
    return bundle / "ctl"


def oom_path(bundle: Path) -> Path:
    return bundle / "oom"


def exit_path(exit_dir: Path, container_id: str) -> Path:
    return exit_dir / container_id


def read_exit(exit_dir: Path, container_id: str) -> Exited | None:
    """How the container ended, once it has. Blocks for no longer than a small file takes."""
    path = exit_path(exit_dir, container_id)
    try:
        text = path.read_text().strip()
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    return Exited(int(text), at) if _CODE.fullmatch(text) else None  # conmon creates, then writes


async def launch(
    runtime: Runtime,
    *,
    container_id: str,
    name: str,
    bundle: Path,
    exit_dir: Path,
    log_path: Path | None,
    tty: bool = False,
    open_stdin: bool = False,
    leave_stdin_open: bool = False,
    log_size_max: int = 0,
    timeout_s: float = 60.0,
) -> Launched:
    """Create the container that ``bundle``/config.json describes.

    Its namespaces exist afterwards; its program does not run before ``runtime.start``: connect the network and attach
    between. Leftovers of an earlier run of the bundle are removed. ``exit_dir`` and ``log_path``'s directory exist.
    Raises RuntimeFailed with Docker's exit code; then nothing is left of it but the bundle.
    """
    conmon = shutil.which("conmon")
    if conmon is None:
        raise Unavailable("conmon is not installed")
    _clear(bundle, exit_path(exit_dir, container_id))  # here: in memory, and quicker than a thread is woken
    words = [
        *(conmon, "--api-version", "1", "-c", container_id, "-u", container_id, "-n", name),
        *("-r", str(runtime.path), "-b", str(bundle), "-p", str(bundle / "pidfile"), "-P", str(bundle / "conmon.pid")),
        *("--exit-dir", str(exit_dir), "-0", str(bundle), "--full-attach", "--no-sync-log", "--log-level", "error"),
        *("-l", f"k8s-file:{log_path}" if log_path else "none", f"--runtime-arg=--root={runtime.root}"),
        *(["--log-size-max", str(log_size_max)] if log_size_max else []),
        *(["-i"] if open_stdin else []),
        *(["-t"] if tty else []),
        *(["--leave-stdin-open"] if leave_stdin_open else []),
    ]
    try:
        pid, complaint = await _started(words, bundle=bundle, timeout_s=timeout_s)
    finally:
        _take_back_null_device()
    if pid <= 0:
        await runtime.delete(container_id, force=True)
        raise failure(complaint, argv=await asyncio.to_thread(_argv, bundle))
    return Launched(pid, _read_pid(bundle / "conmon.pid"))


async def _started(words: list[str], *, bundle: Path, timeout_s: float) -> tuple[int, str]:
    """The container's pid, or a negative number and why. conmon's first process ends once it has forked the second."""
    read_end, write_end = os.pipe()
    try:
        env = _environment(write_end)
        completed = await run(words, timeout_s=timeout_s, env=env, cwd=bundle, pass_fds=(write_end,))
        os.close(write_end)
        write_end = -1
        if completed.returncode:
            raise RuntimeFailed(f"conmon failed: {completed.stderr.decode(errors='replace').strip()[-500:]}")
        async with asyncio.timeout(timeout_s):
            answer = await _first_line(read_end)
    except TimeoutError as error:
        raise Unavailable(f"the runtime did not create the container within {timeout_s} s") from error
    finally:
        os.close(read_end)
        if write_end >= 0:
            os.close(write_end)
    try:
        document: dict[str, Any] = json.loads(answer)
        return int(document["data"]), str(document.get("message", ""))
    except (ValueError, KeyError, TypeError):
        return _FAILED_PID, answer.decode(errors="replace") or completed.stderr.decode(errors="replace")


def _take_back_null_device() -> None:
    """crun gives the container its standard streams, and so the null device, which conmon has as input.

    Its owner could change the node's mode for every container, and, where the engine's mount namespace has none of its
    own, for the whole host; taken back here, before the program first runs.
    """
    os.chown("/dev/null", 0, 0)


def _environment(sync_fd: int) -> Mapping[str, str]:
    """Nothing of ours leaks; TZ makes log times one width.

    TMPDIR is where conmon makes its console socket: the bundle, which conmon has as its working directory, because a
    socket's path has at most 107 bytes (unix(7)) and a bundle's may have more.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "TZ": "UTC",
        "TMPDIR": ".",
        "_OCI_SYNCPIPE": str(sync_fd),
    }


async def _first_line(handle: int) -> bytes:
    """What conmon says, one line of JSON; b"" if it dies first."""
    os.set_blocking(handle, False)
    loop = asyncio.get_running_loop()
    text = b""
    while not text.endswith(b"\n"):
        ready = asyncio.Event()
        loop.add_reader(handle, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(handle)
        part = os.read(handle, 65536)
        if not part:
            break
        text += part
    return text


def _clear(bundle: Path, exit_file: Path) -> None:
    """conmon does not replace its fifo and socket."""
    for path in (*(bundle / name for name in ("attach", "ctl", "winsz", "oom", "pidfile", "conmon.pid")), exit_file):
        path.unlink(missing_ok=True)


def _argv(bundle: Path) -> list[str]:
    try:
        return list(json.loads((bundle / "config.json").read_text())["process"]["args"])
    except (OSError, ValueError, KeyError):
        return []


def _read_pid(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError) as error:
        raise Unavailable(f"conmon did not leave its pid in {path}") from error
