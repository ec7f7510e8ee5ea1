"""The engine's command line.

``serve`` runs an engine, ``purge`` removes all that one left on this host, ``fsck`` checks what one has on disk. The
first two move into the engine's mount namespace. That must happen while the process has one thread (setns(2)), so
this module imports nothing that starts one, and the rest of the engine only afterwards.
"""

import argparse
import functools
import logging
import os
import shutil
import sys
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import NoReturn, TypeVar

from engine.config import (
    DEFAULT_CERTS_DIR,
    DEFAULT_DATA_ROOT,
    DEFAULT_KEEP_LOGS_BYTES,
    DEFAULT_KEEP_LOGS_DAYS,
    DEFAULT_LOG_MAX_FILE,
    DEFAULT_LOG_MAX_SIZE,
    DEFAULT_RUN_ROOT,
    EngineConfig,
    RegistryConfig,
    Userns,
)
from engine.host import failpoints, mount_namespace
from engine.host.memory import return_memory_early
from engine.model.container import Profile
from engine.model.errors import EngineError, Invalid
from engine.model.registry import HostPattern, Mirror
from engine.store.locks import InstanceLock
from engine.wire.log_config import UNLIMITED, parse_log_files, parse_log_size

_READ_ONLY_PROGRAMS = ("crun", "runc")  # spares each call a copy of the binary (CVE-2019-5736's guard)
_DATA_FILES = (
    "blobs",
    "layers",
    "tmp",
    "containers",
    "kept-logs",
    "build-cache",
    ".empty-*",
    "ballast",
    "state.db*",
    "engine.lock",
)
_RUN_FILES = ("mnt", "containers", "volumes", "runtime", "exits", "engine.pid", "engine.sock", "dns.sock", "dns.log")
_Value = TypeVar("_Value")
_NOT_CHECKED = 8  # as fsck(8) has it: neither clean nor damaged
_MOST_DAYS = 36500
_LEVELS = ("debug", "info", "warning", "error")


def main(arguments: list[str] | None = None) -> None:
    """Exits 0 after a stop that was asked for, 1 with one line on stderr when it cannot run, 2 on wrong usage.

    ``fsck`` exits 0 when all is well, 1 when all is mended, 2 when damage is left, 8 when it cannot run.
    """
    return_memory_early()
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=options.log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", stream=sys.stderr
    )
    try:
        failpoints.arm(os.environ)
        if options.run is _fsck:
            sys.exit(_fsck(options))
        _check_host()
        config = _config(options)
        with _sole_engine(config):
            options.run(config)
    except EngineError as error:
        _refuse(options, str(error))
    except PermissionError as error:
        _refuse(options, f"{error.filename or ''}: permission denied; the engine needs root")


def _refuse(options: argparse.Namespace, why: str) -> NoReturn:
    sys.stderr.write(f"naru engine: {why}\n")
    sys.exit(_NOT_CHECKED if options.run is _fsck else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine", description="A container engine with Docker's API.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run the engine in the foreground")
    serve.set_defaults(run=_serve)
    purge = commands.add_parser("purge", help="kill and remove all containers, images and host settings of an engine")
    purge.set_defaults(run=_purge)
    for command in (serve, purge):
        command.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, metavar="DIR")
        command.add_argument("--run-root", type=Path, default=DEFAULT_RUN_ROOT, metavar="DIR")
        command.add_argument(
            "--socket", type=Path, default=Path(), metavar="PATH", help="default: RUN_ROOT/engine.sock"
        )
        _add_network_options(command)
        command.add_argument(
            "--runtime", default="", metavar="NAME", help="crun or runc; default: the first that works"
        )
        command.add_argument("--profile", choices=[*Profile], default=Profile.DEFAULT, type=Profile)
        command.add_argument(
            "--userns",
            choices=[*Userns],
            default=Userns.PREFER,
            type=Userns,
            help="user namespaces for containers; require: do not run where the host has none",
        )
        _add_registry_options(command)
        _add_log_options(command)
        command.add_argument("--log-level", choices=_LEVELS, default="info")
    _add_fsck(commands.add_parser("fsck", help="check what an engine has on disk; no engine may run on it"))
    return parser


def _add_network_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--bridge", default="", metavar="NAME", help="of the default network; made if absent")
    add("--subnet", type=IPv4Network, default=None, metavar="CIDR", help="of the default network")
    add("--ipv6", action="store_true", help="the default network has IPv6 too")
    add("--ipv6-subnet", type=IPv6Network, metavar="CIDR", help="of the default network; default: one of the engine's")


def _add_fsck(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=_fsck, log_level="warning")
    command.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, metavar="DIR")
    command.add_argument("--run-root", type=Path, default=DEFAULT_RUN_ROOT, metavar="DIR")
    command.add_argument("--repair", action="store_true", help="mend what can be; images beyond it leave the list")
    command.add_argument("--quick", action="store_true", help="do not read blobs and files of layers")


def _add_registry_options(command: argparse.ArgumentParser) -> None:
    add = functools.partial(command.add_argument, action="append", default=[])
    add("--insecure-registry", type=_pattern, metavar="HOST[:PORT]|CIDR", help="may have any certificate, or none")
    add("--registry-mirror", type=_mirror, metavar="URL", help="of Docker Hub, asked first; may be repeated")
    add("--registry-allow", type=_pattern, metavar="HOST[:PORT]|CIDR", help="registries may redirect there")
    command.add_argument("--registry-ca", type=Path, metavar="FILE", help="certificates trusted for registries")
    command.add_argument(
        "--registry-certs", type=Path, default=DEFAULT_CERTS_DIR, metavar="DIR", help="DIR/HOST:PORT/*.crt"
    )


def _add_log_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    size, files = DEFAULT_LOG_MAX_SIZE, DEFAULT_LOG_MAX_FILE
    add(
        "--log-max-size", type=_log_size, default=size, metavar="SIZE", help="of a log's file; default: 64 MiB; -1: any"
    )
    add("--log-max-file", type=_log_files, default=files, metavar="N", help="a log's files that are kept; default: 3")
    size, days = DEFAULT_KEEP_LOGS_BYTES, DEFAULT_KEEP_LOGS_DAYS
    add(
        "--keep-logs-bytes",
        type=_kept_size,
        default=size,
        metavar="SIZE",
        help="of the logs of removed containers, together; default: 512 MiB; 0: none is kept",
    )
    add("--keep-logs-days", type=_days, default=days, metavar="N", help="how long they are kept; default: 14; 0: not")


def _log_size(text: str) -> int:
    return _argument(parse_log_size, text)


def _log_files(text: str) -> int:
    return _argument(parse_log_files, text)


def _kept_size(text: str) -> int:
    return 0 if text.strip() == "0" else _argument(_parse_bounded_size, text)


def _parse_bounded_size(text: str) -> int:
    size = parse_log_size(text)
    if size == UNLIMITED:
        raise Invalid("what is kept must have a limit: a size, or 0 to keep nothing")
    return size


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _MOST_DAYS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of days from 0 to {_MOST_DAYS}")
    return int(text)


def _pattern(text: str) -> HostPattern:
    return _argument(HostPattern.parse, text)


def _mirror(text: str) -> Mirror:
    return _argument(Mirror.parse, text)


def _argument(parse: Callable[[str], _Value], text: str) -> _Value:
    try:
        return parse(text)
    except Invalid as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _config(options: argparse.Namespace) -> EngineConfig:
    return EngineConfig(
        data_root=options.data_root,
        run_root=options.run_root,
        socket_path=options.socket.absolute() if options.socket != Path() else Path(),
        bridge=options.bridge,
        subnet=options.subnet,
        ipv6=options.ipv6 or options.ipv6_subnet is not None,
        ipv6_subnet=options.ipv6_subnet,
        runtime=options.runtime,
        profile=options.profile,
        # what is left on the host can be removed without
        userns=Userns.PREFER if options.run is _purge else options.userns,
        registries=RegistryConfig(
            insecure=tuple(options.insecure_registry),
            allowed=tuple(options.registry_allow),
            mirrors=tuple(options.registry_mirror),
            ca_file=options.registry_ca,
            certs_dir=options.registry_certs,
        ),
        log_max_size=options.log_max_size,
        log_max_file=options.log_max_file,
        keep_logs_bytes=options.keep_logs_bytes,
        keep_logs_days=options.keep_logs_days,
    )


def _check_host() -> None:
    if os.geteuid() != 0:
        raise EngineError("must run as root: it mounts file systems and makes network interfaces")
    missing = [name for name in ("conmon", "nft", "unshare") if shutil.which(name) is None]
    if missing:
        raise EngineError(f"these programs are needed and not installed: {', '.join(missing)}")
    if not any(shutil.which(name) for name in _READ_ONLY_PROGRAMS):
        raise EngineError("an OCI runtime is needed: install crun (or runc)")


def _sole_engine(config: EngineConfig) -> InstanceLock:
    for directory in (config.data_root, config.run_root):
        directory.mkdir(parents=True, exist_ok=True, mode=0o711)
    return InstanceLock(config.lock_path)


def _fsck(options: argparse.Namespace) -> int:
    """Makes nothing where no engine has been. Imports late: the other commands do without."""
    import asyncio

    from engine.store.fsck import fsck
    from engine.volumes.fsck import volume_findings

    if os.geteuid() != 0:
        raise EngineError("must run as root: what it checks is root's")
    config = EngineConfig(data_root=options.data_root, run_root=options.run_root)
    if not config.data_root.is_dir():
        raise EngineError(f"{config.data_root} is not there: --data-root wants an engine's data directory")
    with InstanceLock(config.lock_path):
        return asyncio.run(fsck(config, print, repair=options.repair, quick=options.quick, more=(volume_findings,)))


def _enter_namespace(config: EngineConfig) -> None:
    programs = [Path(path) for name in _READ_ONLY_PROGRAMS if (path := shutil.which(name))]
    joined = mount_namespace.enter(config.mount_pin, storage_root=config.data_root, read_only=programs)
    logging.getLogger(__name__).info("mount namespace: %s %s", "joined" if joined else "made", config.mount_pin)


def _serve(config: EngineConfig) -> None:
    host_namespace = mount_namespace.open_current()
    _enter_namespace(config)
    from engine.daemon import serve  # after the namespace: its imports may start threads

    serve(config, host_namespace=host_namespace)


def _purge(config: EngineConfig) -> None:
    """In a child, because the pin can only be let go from outside the namespace."""
    child = os.fork()
    if child == 0:
        os._exit(_purge_inside(config))
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise EngineError("not everything could be removed; see above")
    mount_namespace.forget(config.mount_pin)
    for root, names in ((config.run_root, _RUN_FILES), (config.data_root, _DATA_FILES)):
        _remove_known(root, names)


def _purge_inside(config: EngineConfig) -> int:
    try:
        _enter_namespace(config)
        from engine.daemon import purge

        purge(config)
    except Exception:  # outermost frame of the child, which must end here whatever happens
        logging.getLogger(__name__).exception("purge")
        return 1
    return 0


def _remove_known(root: Path, patterns: tuple[str, ...]) -> None:
    """What an engine makes and no other file: a mistyped --data-root must not cost somebody's home directory."""
    for pattern in patterns:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    try:
        root.rmdir()
    except OSError:
        logging.getLogger(__name__).warning(
            "%s is left: it holds volumes, which purge does not remove, or what is not the engine's", root
        )
