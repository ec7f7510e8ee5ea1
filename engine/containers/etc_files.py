"""The three files in /etc that the engine writes for a container: hosts, hostname, resolv.conf."""

import contextlib
import ipaddress
import logging
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from engine.host.removal import remove_tree
from engine.model.container import Container, Endpoint

_log = logging.getLogger(__name__)
ETC_FILES: Final = ("hosts", "hostname", "resolv.conf")
_HOST_RESOLVER = Path("/etc/resolv.conf")
_FALLBACK_SERVERS = ("8.8.8.8", "8.8.4.4")  # Docker's, when the host names only itself
_HOSTS_OF_HOST = Path("/etc/hosts")
_LOCAL_HOSTS = (
    "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
    "ff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
)


def hostname_of(container: Container) -> str:
    return container.spec.hostname or container.id[:12]


def hosts_text(
    container: Container, endpoints: Sequence[Endpoint] = (), *, gateway: str = "", local: str = _LOCAL_HOSTS
) -> str:
    """``local`` comes first: the host's own file for a container on the host's network."""
    lines = [local]
    gateway = next((endpoint.gateway for endpoint in endpoints if endpoint.gateway), gateway)
    for entry in container.spec.extra_hosts:
        name, _, address = entry.partition(":")
        lines.append(f"{gateway if address == 'host-gateway' else address}\t{name}\n")
    hostname, domain = hostname_of(container), container.spec.domainname
    for address in (each for one in endpoints for each in (one.ip_address, one.ipv6_address) if each):
        lines.append(f"{address}\t{f'{hostname}.{domain} {hostname}' if domain else hostname}\n")
    return "".join(lines)


def resolver_text(container: Container, host_text: str) -> str:
    """The host's resolv.conf without servers that a container cannot reach; the container's own words first."""
    spec = container.spec
    host = [line.split() for line in host_text.splitlines() if line.strip() and line[0] not in "#;"]
    servers = spec.dns or tuple(words[1] for words in host if _is_reachable_server(words)) or _FALLBACK_SERVERS
    search = spec.dns_search or tuple(word for words in host if words[0] == "search" for word in words[1:])
    options = spec.dns_options or tuple(word for words in host if words[0] == "options" for word in words[1:])
    lines = [f"nameserver {server}" for server in servers]
    if search and search != (".",):
        lines.append(f"search {' '.join(search)}")
    if options:
        lines.append(f"options {' '.join(options)}")
    return "\n".join(lines) + "\n"


def inner_resolver_text(container: Container, host_text: str, *, server: str) -> str:
    """For a network that has a name server of its own, which asks the host's, or the container's own, for the rest."""
    text = resolver_text(replace(container, spec=replace(container.spec, dns=(server,))), host_text)
    options = " ".join(container.spec.dns_options)
    kept = [line for line in text.splitlines() if not line.startswith("options ")]
    return "\n".join([*kept, f"options {options} ndots:0" if options else "options ndots:0"]) + "\n"


def _is_reachable_server(words: list[str]) -> bool:
    if len(words) < 2 or words[0] != "nameserver":
        return False
    try:
        return not ipaddress.ip_address(words[1].partition("%")[0]).is_loopback
    except ValueError:
        return False


def write_etc_files(container: Container, directory: Path, *, names: Iterable[str] = ETC_FILES) -> None:
    """Write these anew; hosts lacks the address until ``write_hosts``."""
    texts = {
        "hostname": lambda: hostname_of(container) + "\n",
        "hosts": lambda: hosts_text(container, local=_local_hosts(container)),
        "resolv.conf": lambda: resolver_text(container, _host_text()),
    }
    for name in names:
        (directory / name).write_text(texts[name]())


def _host_text() -> str:
    try:
        return _HOST_RESOLVER.read_text(errors="replace")
    except OSError:
        return ""


def _local_hosts(container: Container) -> str:
    if container.spec.network_mode == "host":
        with contextlib.suppress(OSError):
            return _HOSTS_OF_HOST.read_text(errors="replace")
    return _LOCAL_HOSTS


def write_hosts(container: Container, directory: Path, endpoints: Sequence[Endpoint]) -> None:
    """Into the same file: the container has it mounted already."""
    (directory / "hosts").write_text(hosts_text(container, endpoints))


def write_resolver(container: Container, directory: Path, *, server: str) -> None:
    """Into the same file; ``server`` "": the host's servers."""
    text = inner_resolver_text(container, _host_text(), server=server) if server else ""
    (directory / "resolv.conf").write_text(text or resolver_text(container, _host_text()))


def give_etc_files(container: Container, directory: Path, owner: int) -> None:
    """To the container's root, who may edit them as under Docker. Those that are gone are written anew."""
    lost = [name for name in ETC_FILES if not _is_file(directory / name)]
    if lost:
        _log.warning("container %s: %s is written anew: not a file: %s", container.id, directory, ", ".join(lost))
        directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        for name in lost:
            remove_tree(directory / name)
        write_etc_files(container, directory, names=lost)
    for name in ETC_FILES:
        os.chown(directory / name, owner, owner)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
