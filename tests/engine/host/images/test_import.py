"""``docker import`` of an address, served on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.client import Client
from tests.engine.conftest import RunningEngine, running_engine
from tests.engine.host.build.web import Web, serving

pytestmark = pytest.mark.host


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with serving(tmp_path / "repositories") as web:
        yield web


@pytest.fixture(scope="module")
def docker() -> Iterator[RunningEngine]:
    with running_engine("--registry-allow", "localhost") as engine:
        yield engine


def test_a_root_file_system_is_fetched(docker: RunningEngine, web: Web, busybox_tar: bytes) -> None:
    web.answers["/rootfs.tar"] = (200, {}, busybox_tar)
    told = docker.out("import", "--change", "CMD echo fetched", f"{web.url}/rootfs.tar?sign=hidden", "fetched:1")
    assert "Downloading from" in told
    assert "hidden" not in told
    assert docker.out("run", "--rm", "fetched:1") == "fetched"
    address = f"{web.url}/rootfs.tar".removeprefix("http://")
    answer = Client(docker.socket).ask("POST", f"/images/create?fromSrc={address}")
    assert docker.out("images", "-q", "--no-trunc", "--filter", "dangling=true") == answer.lines[-1]["status"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("{url}/missing.tar", "with status 404"),
        ("{url}/text", "tar"),
        ("http://127.0.0.1:{port}/text", "inside this network"),
    ],
)
def test_what_is_no_root_file_system_becomes_no_image(
    docker: RunningEngine, web: Web, address: str, message: str
) -> None:
    web.answers["/text"] = (200, {}, b"not an archive")
    before = docker.out("images", "-aq")
    done = docker.docker("import", address.format(url=web.url, port=web.server.server_port), "none:1", check=False)
    assert done.returncode != 0
    assert message in done.stderr.decode()
    assert docker.out("images", "-aq") == before
    assert not list((docker.data_root / "tmp").iterdir())


@pytest.mark.parametrize(("source", "message"), [("ftp://localhost/x", "no http or https address"), ("", "fromSrc")])
def test_what_is_no_address_is_refused(docker: RunningEngine, source: str, message: str) -> None:
    assert message in Client(docker.socket).ask("POST", f"/images/create?fromSrc={source}").body.decode()
