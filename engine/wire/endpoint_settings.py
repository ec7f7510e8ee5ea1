"""How a new container is to stand on its network: ``NetworkingConfig``, and ``MacAddress`` wherever it is said."""

import re
from typing import Any, Final

from engine.model.errors import Invalid, Unsupported
from engine.wire.text import shown

_NETWORKS: Final = ("default", "bridge", "none", "host")
_NOTHING: Final[tuple[object, ...]] = ("", 0, False, [], {})
_MAC: Final = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")


def checked_networking(raw: dict[str, Any]) -> str:
    """The client's endpoint settings: for the networks there are, empty but for the MAC address, which is returned."""
    endpoints = raw.get("EndpointsConfig", {})
    if not isinstance(endpoints, dict):
        raise Invalid("NetworkingConfig.EndpointsConfig: expected an object")
    mac_address = ""
    for network, settings in endpoints.items():
        if network not in _NETWORKS:
            raise Unsupported(
                f"NetworkingConfig.EndpointsConfig: network {shown(network)} is not supported yet, "
                "only bridge, none and host"
            )
        if not isinstance(settings, dict | None):
            raise Invalid(f"NetworkingConfig.EndpointsConfig.{network}: expected an object")
        for name, value in (settings or {}).items():
            if name == "MacAddress" and isinstance(value, str):
                mac_address = checked_mac(f"NetworkingConfig.EndpointsConfig.{network}.MacAddress", value)
            elif value not in _NOTHING:
                raise Unsupported(f"NetworkingConfig.EndpointsConfig.{network}.{name} is not supported yet")
    return mac_address


def checked_mac(field: str, text: str) -> str:
    """As inspect spells it. Raises Invalid, also for the address of a group, which no link can have."""
    if not text:
        return ""
    if not _MAC.fullmatch(text) or int(text[1], 16) & 1:
        raise Invalid(f"{field}: invalid mac address: {shown(text)}")
    return text.lower().replace("-", ":")
