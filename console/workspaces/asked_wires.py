"""What a network or a volume asks of its host, read out of the complete specification. Pure.

The bodies are those of ``POST /networks/create`` and ``POST /volumes/create``. What is not known here goes to
``other``, which no rule allows.
"""

import posixpath
from collections.abc import Mapping
from typing import Any

from console.workspaces.asked import Asked, names

Body = Mapping[str, Any]
ADDRESS_OPTION = "com.docker.network.bridge.host_binding_ipv4"
HARMLESS_OPTIONS = names(
    "com.docker.network.bridge.enable_icc com.docker.network.bridge.enable_ip_masquerade com.docker.network.driver.mtu"
)
# an interface of the host's own that it would be given, or be attached to
INTERFACE_OPTIONS = names("com.docker.network.bridge.name parent")


def asked_by_network(body: Body) -> Asked:
    """A driver other than bridge puts containers on the host's own network; so does an interface of the host."""
    options = {str(name): str(value) for name, value in (body.get("Options") or {}).items()}
    driver = str(body.get("Driver") or "bridge")
    reaches_host = driver != "bridge" or not INTERFACE_OPTIONS.isdisjoint(options)
    configs = (body.get("IPAM") or {}).get("Config") or []
    known = HARMLESS_OPTIONS | INTERFACE_OPTIONS | {ADDRESS_OPTION}
    return Asked(
        host_namespaces=frozenset({"network"}) if reaches_host else frozenset(),
        networks=(str(body.get("Name") or ""),),
        addresses=(options[ADDRESS_OPTION],) if ADDRESS_OPTION in options else (),
        subnets=tuple(str(config["Subnet"]) for config in configs if config.get("Subnet")),
        other=tuple(f"Options.{name}" for name in sorted(options) if name not in known),
    )


def asked_by_volume(body: Body) -> Asked:
    """``type=none,o=bind,device=/etc`` is a directory of the host; another file system counts as all of it."""
    options = {str(name): str(value) for name, value in (body.get("DriverOpts") or {}).items()}
    is_local = str(body.get("Driver") or "local") == "local"
    return Asked(volumes=(str(body.get("Name") or ""),), binds=_binds(options) if is_local else ("/",))


def _binds(options: Mapping[str, str]) -> tuple[str, ...]:
    if not options or options.get("type") == "tmpfs":
        return ()
    device = options.get("device", "")
    words = options.get("o", "").split(",")
    is_bind = options.get("type", "none") == "none" and ("bind" in words or "rbind" in words)
    # another file system may be any of the host's, or another machine's: nothing but all of it covers that
    return (_plain(device) if is_bind else "/",)


def _plain(path: str) -> str:
    """One spelling for one path, as for binds of containers: what is no absolute path is taken for the root."""
    return "/" + posixpath.normpath(path).lstrip("/") if path.startswith("/") and "\0" not in path else "/"
