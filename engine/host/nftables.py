"""The kernel's packet filter, spoken to through libnftables (libnftables(3)), or the ``nft`` program without it.

In-process a command takes 0.05 ms, the program 2 ms. What is said is nft's own language (nft(8)) either way.
"""

import ctypes
import json
import shutil
import subprocess
import threading
from typing import Any, Final, Protocol

from engine.model.errors import Unavailable

_LIBRARY: Final = "libnftables.so.1"
_OUTPUT_JSON: Final = 1 << 4  # NFT_CTX_OUTPUT_JSON, nftables/libnftables.h
_PROGRAM_TIMEOUT_S: Final = 20


class NftFailed(Unavailable):
    """The kernel or the parser refused; nothing of the command was done."""


class Nftables(Protocol):
    """Both methods block; safe from any thread."""

    def apply(self, commands: str) -> None:
        """Do all of it or, raising NftFailed, nothing: one transaction."""

    def listing(self, what: str) -> list[dict[str, Any]]:
        """What ``list <what>`` shows, as libnftables-json(5) has it. Raises NftFailed when there is no such thing."""


class LibNftables:
    """Works in the network namespace of the thread that calls. One call at a time.

    A context of libnftables keeps what it has seen of the host's rules, everybody's, which can be tens of megabytes;
    so each call makes one of its own.
    """

    def __init__(self) -> None:
        """Raises OSError without the library."""
        self._lib = _library()
        self._lock = threading.Lock()

    def apply(self, commands: str) -> None:
        self._run(commands, output_flags=0)

    def listing(self, what: str) -> list[dict[str, Any]]:
        return _objects(self._run(f"list {what}", output_flags=_OUTPUT_JSON))

    def _run(self, commands: str, *, output_flags: int) -> bytes:
        with self._lock:
            context = self._lib.nft_ctx_new(0)
            try:
                self._lib.nft_ctx_buffer_output(context)
                self._lib.nft_ctx_buffer_error(context)
                self._lib.nft_ctx_output_set_flags(context, output_flags)
                failed = self._lib.nft_run_cmd_from_buffer(context, commands.encode())
                output: bytes = self._lib.nft_ctx_get_output_buffer(context)
                error: bytes = self._lib.nft_ctx_get_error_buffer(context)
            finally:
                self._lib.nft_ctx_free(context)
        if failed:
            raise NftFailed(_explained(error))
        return output


class NftProgram:
    """The same by running ``nft``, where the library is missing."""

    def __init__(self, program: str) -> None:
        self._program = program

    def apply(self, commands: str) -> None:
        self._run(["-f", "-"], commands)

    def listing(self, what: str) -> list[dict[str, Any]]:
        return _objects(self._run(["-j", "list", *what.split()], ""))

    def _run(self, arguments: list[str], commands: str) -> bytes:
        try:
            done = subprocess.run(
                [self._program, *arguments],
                input=commands.encode(),
                capture_output=True,
                timeout=_PROGRAM_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NftFailed(f"nft did not finish within {_PROGRAM_TIMEOUT_S} s") from error
        if done.returncode:
            raise NftFailed(_explained(done.stderr))
        return done.stdout


def open_nftables() -> Nftables:
    try:
        return LibNftables()
    except OSError:
        program = shutil.which("nft")
    if program is None:
        raise Unavailable(f"neither {_LIBRARY} nor the nft program is here: install nftables")
    return NftProgram(program)


def _library() -> ctypes.CDLL:
    lib = ctypes.CDLL(_LIBRARY)
    lib.nft_ctx_new.restype = ctypes.c_void_p
    lib.nft_ctx_new.argtypes = [ctypes.c_uint32]
    lib.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    lib.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(lib, name).restype = ctypes.c_char_p
        getattr(lib, name).argtypes = [ctypes.c_void_p]
    for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error", "nft_ctx_free"):
        getattr(lib, name).argtypes = [ctypes.c_void_p]
    return lib


def _objects(output: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(output)["nftables"] if output else []
    return found


def _explained(error: bytes) -> str:
    return f"nftables: {error.decode(errors='replace').strip() or 'refused without a reason'}"
