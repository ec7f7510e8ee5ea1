"""Where the one client that speaks to other machines connects to, and what it shows there."""

import socket
from collections.abc import Iterator

import aiohttp
import pytest
from aiohttp.abc import ResolveResult

from engine.config import RegistryConfig
from engine.model.errors import Denied
from engine.model.registry import HostPattern
from engine.registry.endpoints import Endpoint
from engine.registry.outbound import Outbound
from tests.fakes.scripted_registry import Asked, Reply, ScriptedRegistry, scripted_registry


@pytest.fixture
def scripted() -> Iterator[ScriptedRegistry]:
    with scripted_registry() as registry:
        yield registry


class Names:
    """Name service that answers each question with the next of ``addresses``, the last for ever."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)
        self.questions = 0

    async def resolve(self, _: object, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        self.questions += 1
        address = self._addresses.pop(0) if len(self._addresses) > 1 else self._addresses[0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]


def answered_by(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(self: object, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return await names.resolve(self, host, port, family)

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)


def home(scripted: ScriptedRegistry, host: str = "127.0.0.1") -> Endpoint:
    return Endpoint("http", host, scripted.port, verified=False)


async def test_a_name_with_an_inside_address_is_not_connected_to(
    scripted: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered_by(Names("127.0.0.1"), monkeypatch)
    with scripted_registry() as internal:
        target = f"https://looks-public.example:{internal.port}/"
        scripted.answerers.append(lambda asked: Reply(302, b"", {"Location": target}))
        outbound = Outbound(home(scripted), RegistryConfig())
        async with outbound.kept():
            with pytest.raises(Denied, match=r"looks-public.example:\d+ is 127.0.0.1, inside this network"):
                await outbound.open("GET", outbound.home.url)
        assert internal.asked == []


async def test_a_name_keeps_its_first_address(scripted: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names("127.0.0.1", "169.254.169.254")
    answered_by(names, monkeypatch)
    outbound = Outbound(home(scripted, "reg.example"), RegistryConfig())
    async with outbound.kept():
        for _ in range(3):
            async with await outbound.open("GET", outbound.home.url / "v2/") as response:
                response.close()  # the next needs a connection of its own
    assert len(scripted.asked) == 3
    assert names.questions == 1


async def test_cloud_metadata_is_no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    answered_by(Names("169.254.169.254"), monkeypatch)
    outbound = Outbound(Endpoint("https", "reg.example", 443), RegistryConfig())
    async with outbound.kept():
        with pytest.raises(Denied, match=r"169\.254\.169\.254"):
            await outbound.open("GET", outbound.home.url)


async def test_what_authorises_stays_with_its_server_and_does_not_come_back(scripted: ScriptedRegistry) -> None:
    with scripted_registry() as other:
        back = f"http://{scripted.address}/back"
        away = Reply(307, b"", {"Location": f"http://{other.address}/away"})
        scripted.answerers.append(lambda asked: away if asked.path == "/" else Reply())
        other.answerers.append(lambda asked: Reply(307, b"", {"Location": back}))
        allowed = (HostPattern.parse(other.address),)
        outbound = Outbound(home(scripted), RegistryConfig(allowed=allowed, insecure=allowed))
        async with outbound.kept(), await outbound.open("GET", outbound.home.url, authorization="Basic secret"):
            pass
        asked: list[Asked] = [*scripted.asked, *other.asked]
        assert [one.headers.get("Authorization") for one in asked] == ["Basic secret", None, None]


async def test_four_redirects_are_too_many(scripted: ScriptedRegistry) -> None:
    def answer(asked: Asked) -> Reply:
        step = int(asked.path.strip("/") or 0)
        return Reply(302, b"", {"Location": f"/{step + 1}"}) if step < limit else Reply()

    scripted.answerers.append(answer)
    outbound = Outbound(home(scripted), RegistryConfig())
    async with outbound.kept():
        limit = 3
        async with await outbound.open("GET", outbound.home.url) as response:
            assert response.status == 200
        limit = 4
        with pytest.raises(Denied, match="more than 3 redirects"):
            await outbound.open("GET", outbound.home.url)


async def test_nothing_is_open_before_the_first_request_and_after_the_last() -> None:
    outbound = Outbound(Endpoint("https", "reg.example", 443), RegistryConfig())
    async with outbound.kept():
        assert outbound._session is None
    with pytest.raises(RuntimeError):
        await outbound.open("GET", outbound.home.url)
