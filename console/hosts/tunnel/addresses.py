"""Addresses of engines that are reached through their agents: ``agent://<pk of the host>``."""

from pathlib import Path

from django.conf import settings

SCHEME = "agent://"


def socket_path(host_pk: int | str) -> Path:
    return Path(settings.NARU_RUN) / "hosts" / f"{host_pk}.sock"


def address_of(host_pk: int) -> str:
    """Of an engine that is reached through its host's agent; a name that outlasts renaming."""
    return f"{SCHEME}{host_pk}"


def is_relayed(address: str) -> bool:
    return address.startswith(SCHEME)


def resolved(address: str) -> str:
    """Where to connect: ``address`` itself, or the socket that stands for an agent."""
    return f"unix://{socket_path(address.removeprefix(SCHEME))}" if is_relayed(address) else address
