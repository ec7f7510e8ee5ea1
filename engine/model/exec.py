"""A program run in a running container beside its own: what was asked for (``ExecSpec``), and how it is (``Exec``)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSpec:
    """``user`` and ``working_dir`` "": the container's. ``env`` comes on top of the container's; ``NAME`` unsets one.

    ``console_size`` is the terminal's height and width at the start, where the client gave them.
    """

    argv: tuple[str, ...]
    user: str = ""
    working_dir: str = ""
    env: tuple[str, ...] = ()
    privileged: bool = False
    tty: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    detach_keys: str = ""
    console_size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Exec:
    """``id`` is 64 hex digits. Neither running nor with an exit code: not started yet. ``pid`` is the host's, or 0."""

    id: str
    container_id: str
    spec: ExecSpec
    is_running: bool = False
    exit_code: int | None = None
    pid: int = 0
