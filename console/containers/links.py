"""Addresses of pages that apps above or beside this one may bring, and of what a container publishes."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from console.containers.ports import ANY_ADDRESS


def link_if_any(url_name: str, *args: object) -> str:
    """Empty where nobody brings such a page, or where what is named cannot stand in an address."""
    try:
        return reverse(url_name, args=args)
    except NoReverseMatch:
        return ""


def port_link(port: Mapping[str, Any], *, host: str) -> str:
    """For a browser; ``host`` is the machine's name as the person reaches it. Empty where there is nothing to open."""
    if port["protocol"] != "tcp" or not port["host_port"]:
        return ""
    address = str(port["host_address"])
    shown = host if address in ANY_ADDRESS else f"[{address}]" if ":" in address else address
    return f"http://{shown}:{port['host_port']}/"


def name_of_machine(request: HttpRequest) -> str:
    """By which the browser reached the console, without its port."""
    name = request.get_host()
    return name.rpartition(":")[0] if not name.endswith("]") and ":" in name else name
