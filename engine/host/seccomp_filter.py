"""Seccomp filters: as data, and compiled to the kernel's BPF by libseccomp.

Compiled once and handed over whole, a filter costs a start nothing; a runtime that compiles the same list spends 13 ms.
"""

import ctypes
import ctypes.util
import errno
import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from engine.model.errors import Unavailable

# seccomp.h of libseccomp 2.5
_ACT_ALLOW: Final = 0x7FFF0000
_ACT_ERRNO: Final = 0x00050000
_ATTRIBUTE_BAD_ARCHITECTURE: Final = 2
_ATTRIBUTE_OPTIMIZE: Final = 8
_BINARY_TREE: Final = 2
_UNKNOWN_SYSCALL: Final = -1
# 32-bit programs (audit.h, AUDIT_ARCH_I386 and AUDIT_ARCH_ARM). Never x32, which nobody uses
_COMPATIBLE_ARCHITECTURE: Final = {"x86_64": 0x40000003, "aarch64": 0x40000028}
_BPF_INSTRUCTION_BYTES: Final = 8


class Operator(IntEnum):
    """enum scmp_compare. MASKED_EQUAL: argument & ``value`` == ``value_two``."""

    LESS = 2
    EQUAL = 4
    GREATER = 6
    MASKED_EQUAL = 7


@dataclass(frozen=True, slots=True)
class Condition:
    argument: int
    operator: Operator
    value: int
    value_two: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do with these calls if every condition holds: refuse with ``error``, or allow when that is None."""

    names: tuple[str, ...]
    error: int | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)  # known by identity: to hash hundreds of names costs a start 0.1 ms
class Filter:
    """Calls that no rule names are refused with ``default_error``. Names this libseccomp does not know are skipped.

    ``with_32_bit``: the rules hold for 32-bit programs too; otherwise these can make no call at all.
    """

    rules: tuple[Rule, ...]
    default_error: int = errno.ENOSYS
    with_32_bit: bool = False


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = [
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    ]


@functools.lru_cache(maxsize=32)
def compile_bpf(wanted: Filter) -> bytes:
    """The filter as an array of struct sock_filter, for this machine. Some 20 ms the first time for each filter.

    Raises Unavailable when libseccomp is missing or refuses.
    """
    library = _library()
    context = library.seccomp_init(_ACT_ERRNO | wanted.default_error)
    if not context:
        raise Unavailable("libseccomp cannot make a filter")
    try:
        library.seccomp_attr_set(context, _ATTRIBUTE_BAD_ARCHITECTURE, _ACT_ERRNO | errno.ENOSYS)
        library.seccomp_attr_set(context, _ATTRIBUTE_OPTIMIZE, _BINARY_TREE)
        also = _COMPATIBLE_ARCHITECTURE.get(os.uname().machine)
        if wanted.with_32_bit and also is not None:
            _accepted(library.seccomp_arch_add(context, also), "32-bit programs")
        for rule in wanted.rules:
            _add_rule(library, context, rule)
        return _exported(library, context)
    finally:
        library.seccomp_release(context)


def library_version() -> str:
    """Raises Unavailable when libseccomp is missing."""
    return ".".join(str(number) for number in _library().seccomp_version().contents)


def _add_rule(library: ctypes.CDLL, context: int, rule: Rule) -> None:
    action = _ACT_ALLOW if rule.error is None else _ACT_ERRNO | rule.error
    comparisons = _comparisons(rule.conditions)
    for name in rule.names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number != _UNKNOWN_SYSCALL:
            done = library.seccomp_rule_add_array(context, action, number, len(rule.conditions), comparisons)
            _accepted(done, name)


def _comparisons(conditions: Sequence[Condition]) -> "ctypes.Array[_Comparison]":
    filled = [_Comparison(c.argument, c.operator, c.value, c.value_two) for c in conditions]
    return (_Comparison * len(filled))(*filled)


def _exported(library: ctypes.CDLL, context: int) -> bytes:
    handle = os.memfd_create("seccomp")
    try:
        _accepted(library.seccomp_export_bpf(context, handle), "export")
        program = os.pread(handle, os.fstat(handle).st_size, 0)
    finally:
        os.close(handle)
    if not program or len(program) % _BPF_INSTRUCTION_BYTES:
        raise Unavailable("libseccomp wrote half a filter")
    return program


def _accepted(result: int, what: str) -> None:
    if result < 0:
        raise Unavailable(f"libseccomp refuses the rule for {what}: {os.strerror(-result)}")


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise Unavailable("libseccomp.so.2 is not installed") from error
    library.seccomp_version.restype = ctypes.POINTER(ctypes.c_uint * 3)  # struct scmp_version
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint),
        ctypes.POINTER(_Comparison),
    ]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return library
