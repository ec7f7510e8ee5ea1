"""Execs as the API asks for them and shows them."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.model.errors import Invalid
from engine.model.exec import Exec, ExecSpec
from engine.wire.json_body import decode, parse_object
from engine.wire.text import LONGEST_NAME, check_arguments, check_text, shown
from engine.wire.version import CONSOLE_SIZE_FROM, CURRENT, ApiVersion

_LARGEST_SIDE: Final = 65535


class _CreateRequest(msgspec.Struct, rename="pascal", kw_only=True):
    """Members without effect here (``Detach``, old clients' ``Container``) are left out with the unknown ones."""

    cmd: str | list[str] = []
    user: str = ""
    working_dir: str = ""
    env: list[str] = []
    privileged: bool = False
    tty: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    detach_keys: str = ""
    console_size: list[int] = []


class _StartRequest(msgspec.Struct, rename="pascal", kw_only=True):
    detach: bool = False
    tty: bool = False
    console_size: list[int] = []


@dataclass(frozen=True, slots=True)
class ExecStart:
    """``tty``: the client expects one raw stream. ``console_size`` is height and width."""

    detach: bool
    tty: bool
    console_size: tuple[int, int] | None


def decode_exec_create(body: bytes, *, version: ApiVersion = CURRENT) -> ExecSpec:
    """Raises Invalid or TooLarge, naming the member."""
    raw = parse_object(body)
    if "detachKeys" in raw:  # docker-py's spelling, which Go takes for the same
        raw.setdefault("DetachKeys", raw.pop("detachKeys"))
    request = decode(raw, _CreateRequest)
    argv = (request.cmd,) if isinstance(request.cmd, str) else tuple(request.cmd)
    if not argv or not argv[0]:
        raise Invalid("No exec command specified")
    _check(request, argv)
    return ExecSpec(
        argv=argv,
        user=request.user,
        working_dir=request.working_dir,
        env=tuple(request.env),
        privileged=request.privileged,
        tty=request.tty,
        attach_stdin=request.attach_stdin,
        attach_stdout=request.attach_stdout,
        attach_stderr=request.attach_stderr,
        detach_keys=request.detach_keys,
        console_size=_size(request.console_size, version),
    )


def decode_exec_start(body: bytes, *, version: ApiVersion = CURRENT) -> ExecStart:
    """An empty body asks for nothing special."""
    request = decode(parse_object(body), _StartRequest) if body.strip() else _StartRequest()
    return ExecStart(request.detach, request.tty, _size(request.console_size, version) if request.tty else None)


def encode_exec_inspect(exec_: Exec, *, detach_keys: bytes) -> dict[str, Any]:
    """``detach_keys`` as they come over the wire; Go writes bytes as base64."""
    spec = exec_.spec
    return {
        "ID": exec_.id,
        "Running": exec_.is_running,
        "ExitCode": exec_.exit_code,
        "ProcessConfig": {
            "tty": spec.tty,
            "entrypoint": spec.argv[0],
            "arguments": list(spec.argv[1:]),
            "privileged": spec.privileged,
            **({"user": spec.user} if spec.user else {}),
        },
        "OpenStdin": spec.attach_stdin,
        "OpenStderr": spec.attach_stderr,
        "OpenStdout": spec.attach_stdout,
        "CanRemove": False,
        "ContainerID": exec_.container_id,
        "DetachKeys": b64encode(detach_keys).decode(),
        "Pid": exec_.pid,
    }


def _check(request: _CreateRequest, argv: tuple[str, ...]) -> None:
    check_text("User", request.user, longest=LONGEST_NAME)
    check_text("DetachKeys", request.detach_keys, longest=LONGEST_NAME)
    check_text("WorkingDir", request.working_dir, longest=4096)
    if request.working_dir and not request.working_dir.startswith("/"):
        raise Invalid(f"the working directory {shown(request.working_dir)} is invalid, it needs to be an absolute path")
    check_arguments("Cmd", argv)
    check_arguments("Env", request.env)
    for entry in request.env:
        if not entry.partition("=")[0]:
            raise Invalid(f"Env: invalid environment variable: {shown(entry)}")


def _size(sides: list[int], version: ApiVersion) -> tuple[int, int] | None:
    """Of a terminal that is not known yet, clients say 0 by 0."""
    if len(sides) not in (0, 2) or not all(0 <= side <= _LARGEST_SIDE for side in sides):
        raise Invalid(f"ConsoleSize: expected height and width from 0 to {_LARGEST_SIDE}, got {sides[:3]}")
    is_meant = len(sides) == 2 and all(sides) and version >= CONSOLE_SIZE_FROM
    return (sides[0], sides[1]) if is_meant else None
