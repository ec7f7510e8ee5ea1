"""Addresses of pages that apps above or beside this one may bring, and of what a container publishes."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from console.containers.ports import ANY_ADDRESS
from console.hosts.models import Host


def link_if_any(url_name: str, *args: object) -> str:
    """Empty where nobody brings such a page, or where what is named cannot stand in an address."""
    try:
        return reverse(url_name, args=args)
    except NoReverseMatch:
        return ""


def linked_ports(request: HttpRequest, host: Host, ports: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each with ``link``, by which this person's browser opens it; empty where there is nothing to open."""
    machine = machine_of(request, host)
    return [{**port, "link": port_link(port, machine=machine)} for port in ports]


def port_link(port: Mapping[str, Any], *, machine: str) -> str:
    """``machine`` is its name as the person reaches it, "" for one that nobody knows how to reach."""
    if port["protocol"] != "tcp" or not port["host_port"] or not machine:
        return ""
    address = str(port["host_address"])
    if is_loopback(address) and not is_loopback(machine):
        return ""
    shown = machine if address in ANY_ADDRESS else address
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port['host_port']}/"


def machine_of(request: HttpRequest, host: Host) -> str:
    """By which a browser reaches what ``host`` publishes: as it reached the console, where that is the same machine,
    else as the console reaches it, or where its agent calls from."""
    if host.is_relayed and not host.called_from:
        return ""
    found = host.called_from if host.is_relayed else urlsplit(host.address).hostname
    return found if found and not is_loopback(found) else _name_of_console(request)


def is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _name_of_console(request: HttpRequest) -> str:
    """By which the browser reached it, without its port."""
    return urlsplit(f"//{request.get_host()}").hostname or ""
