"""The web server gets ready and answers, however it is told to listen."""

import socket

import pytest

from console.project.launcher.parts import Part, Places, parts_of
from console.project.launcher.supervisor import Supervisor
from tests.console.project.conftest import Instance


def free_port(family: socket.AddressFamily, address: str) -> int:
    with socket.socket(family) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
    return port


def web_part(instance: Instance, http: str) -> Part:
    places = Places(instance.data, instance.folder / "run", http)
    return next(part for part in parts_of(places) if part.name == "web")


@pytest.mark.parametrize(
    ("host", "family", "address", "https"),
    [
        ("127.0.0.1", socket.AF_INET, "127.0.0.1", ""),
        ("127.0.0.1", socket.AF_INET, "127.0.0.1", "1"),
        ("0.0.0.0", socket.AF_INET, "0.0.0.0", "1"),
        ("[::1]", socket.AF_INET6, "::1", ""),
    ],
)
async def test_the_web_server_gets_ready(
    migrated: Instance, host: str, family: socket.AddressFamily, address: str, https: str
) -> None:
    http = f"{host}:{free_port(family, address)}"
    environ = {**migrated.environ, "NARU_HTTP": http, "NARU_HTTPS": https}
    said: list[str] = []
    supervisor = Supervisor(
        environ=environ, log_dir=migrated.folder / "logs", say=lambda _part, text: said.append(text), hung_s=20
    )
    try:
        await supervisor.start(web_part(migrated, http))
    finally:
        await supervisor.stop()
    assert not any("Traceback" in text for text in said)
