"""The engine's door to registries: finding the server, trying credentials, searching."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from yarl import URL

from engine.config import RegistryConfig
from engine.model.errors import Invalid, Missing, Unavailable
from engine.model.reference import DEFAULT_DOMAIN, Reference
from engine.registry.client import RegistryClient
from engine.registry.credentials import Credentials
from engine.registry.endpoints import Endpoint, Source, bare_address, sources_of
from engine.registry.failures import Unreachable, answered_within, read_limited
from engine.registry.outbound import Outbound
from engine.registry.search import Found, parse_results

_log = logging.getLogger(__name__)
_HUB_SEARCH = Endpoint("https", "index.docker.io", 443)
_ANSWER_S = 30
_LARGEST_RESULT = 4 << 20


class Registries:
    """Holds nothing open between calls."""

    def __init__(self, config: RegistryConfig) -> None:
        self._config = config

    def sources(self, domain: str) -> list[Source]:
        """Where an image of ``domain`` may be had, mirrors first. The last one is the registry itself."""
        return sources_of(domain, self._config)

    def home(self, domain: str) -> Source:
        return self.sources(domain)[-1]

    @asynccontextmanager
    async def repository(
        self, source: Source, path: str, credentials: Credentials, *, actions: tuple[str, ...] = ("pull",)
    ) -> AsyncIterator[RegistryClient]:
        """A client for one repository, by the first way of speaking to ``source`` that works.

        Mirrors are not shown the credentials: they belong to the registry. Raises Unavailable, Denied.
        """
        given = Credentials() if source.is_mirror else credentials
        for endpoint in source.endpoints:
            client = RegistryClient(Outbound(endpoint, self._config), path, given, actions=actions)
            async with client.kept():
                try:
                    await client.ping()
                except (Unreachable, Missing) as error:
                    if endpoint is source.endpoints[-1]:
                        raise
                    _log.debug("registry %s: %s; trying the next way", endpoint.host, error)
                    continue
                yield client
                return
        raise Unavailable("this registry has no address")

    async def sign_in(self, credentials: Credentials) -> str:
        """Try ``credentials`` at the registry they name; its identity token, or nothing. Raises Unauthenticated."""
        address = bare_address(credentials.server_address)
        domain = DEFAULT_DOMAIN if address in ("", "index.docker.io", DEFAULT_DOMAIN) else address
        try:
            Reference.parse(f"{domain}/x")
        except Invalid as error:
            raise Invalid(f"serveraddress: {credentials.server_address[:80]!r} is no registry's address") from error
        async with self.repository(self.home(domain), "", credentials, actions=()) as client:
            return await client.sign_in()

    async def search(self, term: str, *, limit: int) -> list[Found]:
        """By the registry's v1 search, which few but Docker Hub have. Raises Missing where there is none."""
        domain, slash, rest = term.partition("/")
        is_domain = bool(slash) and ("." in domain or ":" in domain or domain == "localhost")
        if not is_domain or domain in (DEFAULT_DOMAIN, "index.docker.io"):
            source, asked = Source((_HUB_SEARCH,)), rest if is_domain else term
        else:
            Reference.parse(f"{domain}/x")
            source, asked = self.home(domain), rest
        for endpoint in source.endpoints:
            try:
                return await self._search(endpoint, asked, limit)
            except Unreachable:
                if endpoint is source.endpoints[-1]:
                    raise
        return []

    async def _search(self, endpoint: Endpoint, term: str, limit: int) -> list[Found]:
        outbound = Outbound(endpoint, self._config)
        url: URL = (endpoint.url / "v1" / "search").with_query(q=term, n=str(limit))
        async with outbound.kept(), answered_within(_ANSWER_S, url), await outbound.open("GET", url) as response:
            if response.status != 200:
                raise Missing(f"registry {endpoint.host} offers no search (status {response.status})")
            return parse_results(await read_limited(response, _LARGEST_RESULT, what="search results"))[:limit]
