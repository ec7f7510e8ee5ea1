"""The one HTTP client that speaks to other machines. Decides where a connection may go and who sees a password.

A name is looked up, its addresses are checked, and the connection goes to one of exactly those; they stay the same for
as long as the client lives, so a name cannot come to mean something else meanwhile. Redirects are followed here, each
checked as the first address was. What authorises a request leaves it at the first redirect to another server, for good.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from socket import AF_UNSPEC, AddressFamily
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from engine import __version__
from engine.config import RegistryConfig
from engine.model.errors import Denied, Invalid
from engine.registry.endpoints import Endpoint, Reach
from engine.registry.failures import Unreachable, Untrusted, told

_MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_CONNECT_S = 10
_STALL_S = 30
_READ_BYTES = 1 << 20
_HEADERS = {"User-Agent": f"naru/{__version__}", "Accept-Encoding": "identity"}

Body = Callable[[], Any]  # made anew for each try; whatever aiohttp sends


class Outbound:
    """For one conversation with the registry at ``home``. Nothing is opened before the first request.

    ``is_registry`` False: with a server that a Dockerfile named, see ``Reach``. Open while somebody is inside
    ``kept()``; may be entered by several.
    """

    def __init__(self, home: Endpoint, config: RegistryConfig, *, is_registry: bool = True) -> None:
        self.home = home
        self.reach = Reach(home, allowed=config.allowed, insecure=config.insecure, is_registry=is_registry)
        self._config = config
        self._session: aiohttp.ClientSession | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._keepers = 0

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        self._keepers += 1
        try:
            yield
        finally:
            self._keepers -= 1
            if self._keepers == 0 and self._session is not None:
                session, self._session = self._session, None
                await session.close()

    async def open(
        self,
        method: str,
        url: URL,
        *,
        authorization: str = "",
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        follow: bool = True,
    ) -> aiohttp.ClientResponse:
        """The answer, whatever its status; the caller releases it (``async with``).

        Raises Denied for an address or redirect that is not allowed, Untrusted, Unreachable.
        """
        sent = {**_HEADERS, **(headers or {}), **({"Authorization": authorization} if authorization else {})}
        for _ in range(_MOST_REDIRECTS + 1):
            response = await self._send(method, url, sent, body)
            if response.status not in _REDIRECTS or not follow:
                return response
            try:
                target = _target(response, url)
            finally:
                response.close()
            if target.origin() != url.origin():
                sent.pop("Authorization", None)
            url = target
        raise Denied(f"{self.reach.who}: more than {_MOST_REDIRECTS} redirects")

    async def _send(
        self, method: str, url: URL, headers: Mapping[str, str], body: Body | None
    ) -> aiohttp.ClientResponse:
        self.reach.check(url)
        context = await self._context(url) if url.scheme == "https" else True
        try:
            return await self._opened().request(
                method, url, headers=headers, data=body() if body else None, allow_redirects=False, ssl=context
            )
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError) as error:
            why = getattr(error, "certificate_error", error)
            raise Untrusted(f"{_where(url)}: x509: {why}") from error
        except (aiohttp.ClientConnectionError, OSError, TimeoutError, aiohttp.ClientPayloadError) as error:
            raise Unreachable(f"{_where(url)}: {told(error)}") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise Invalid(f"{_where(url)}: not a sound HTTP answer: {str(error)[:200]}") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            if self._keepers == 0:
                raise RuntimeError("used outside kept()")
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=_CheckedResolver(self.reach), use_dns_cache=False, limit=16),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_STALL_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                read_bufsize=_READ_BYTES,
            )
        return self._session

    async def _context(self, url: URL) -> ssl.SSLContext:
        is_home = self.reach.is_registry and self.home.owns(url)
        key = "home" if is_home else "others"
        if key not in self._contexts:
            place = self.home if is_home else None
            self._contexts[key] = await asyncio.to_thread(_tls_context, self._config, place)
        return self._contexts[key]


async def permitted_addresses(reach: Reach, url: URL) -> list[str]:
    """Where ``url`` may be reached, for a program that connects by itself. Raises Denied, Unreachable."""
    reach.check(url)
    try:
        found = await _CheckedResolver(reach).resolve(url.host or "", url.port or 0)
    except OSError as error:
        raise Unreachable(f"{_where(url)}: {told(error)}") from error
    return [one["host"] for one in found]


class _CheckedResolver(AbstractResolver):
    """Only addresses that ``reach`` permits, and for each name always the first answer."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._known: dict[tuple[str, int, int], list[ResolveResult]] = {}
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_UNSPEC) -> list[ResolveResult]:
        key = (host, port, family)
        if key not in self._known:
            found = await self._resolver.resolve(host, port, family)
            permitted = [one for one in found if self._reach.permits(host, port, _address(one))]
            if not permitted:
                self._reach.check_address(host, port, _address(found[0]))
            self._known.setdefault(key, permitted)
        return self._known[key]

    async def close(self) -> None:
        await self._resolver.close()


def _address(found: ResolveResult) -> Any:
    return ip_address(found["host"].partition("%")[0])


def _target(response: aiohttp.ClientResponse, url: URL) -> URL:
    location = response.headers.get("Location", "")
    try:
        target = url.join(URL(location)).with_fragment(None)
    except ValueError as error:
        raise Invalid(f"{_where(url)}: redirects to what is no address: {location[:80]!r}") from error
    if not location:
        raise Invalid(f"{_where(url)}: redirects without saying where")
    if target.scheme != "https" and url.scheme == "https":
        raise Denied(f"{_where(url)}: redirects from https to {target.scheme[:20]!r}")
    if target.scheme not in ("http", "https"):
        raise Denied(f"{_where(url)}: redirects to {target.scheme[:20]!r}: only https is followed")
    return target


def _where(url: URL) -> str:
    """Without query, which may hold a signature."""
    return f"{url.origin()}{url.path}" if url.host else str(url)[:80]


def _tls_context(config: RegistryConfig, home: Endpoint | None) -> ssl.SSLContext:
    """Blocking. Raises Invalid for a certificate file that cannot be read."""
    context = ssl.create_default_context()
    directory = _certificates_of(config.certs_dir, home) if home else None
    try:
        if config.ca_file is not None:
            context.load_verify_locations(cafile=config.ca_file)
        for file in sorted(directory.glob("*.crt")) if directory else ():
            context.load_verify_locations(cafile=file)
        for file in sorted(directory.glob("*.cert")) if directory else ():
            context.load_cert_chain(file, file.with_suffix(".key"))
    except (OSError, ssl.SSLError) as error:
        raise Invalid(f"certificates for registries ({config.ca_file or directory}): {error}") from error
    if home is not None and not home.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _certificates_of(root: Path, home: Endpoint) -> Path | None:
    names = [f"{home.host}:{home.port}"] + ([home.host] if home.port == 443 else [])
    return next((root / name for name in names if (root / name).is_dir()), None)
