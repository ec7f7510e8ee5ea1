"""From a reference's domain to the servers that may have it, and where else those may send us. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from engine.config import RegistryConfig
from engine.model.errors import Denied
from engine.model.reference import DEFAULT_DOMAIN
from engine.model.registry import Address, HostPattern, find_address, plain_host
from engine.registry.addresses import carried, is_internal, is_link_local

_HUB = "registry-1.docker.io"
_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", _HUB)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server. ``verified`` False: its certificate is not looked at."""

    scheme: str
    host: str
    port: int
    verified: bool = True

    @property
    def url(self) -> URL:
        return URL.build(scheme=self.scheme, host=self.host, port=self.port)

    def owns(self, url: URL) -> bool:
        """Whether ``url`` is on this very server."""
        return (url.scheme, plain_host(url.host or ""), url.port) == (self.scheme, self.host, self.port)


@dataclass(frozen=True, slots=True)
class Source:
    """One registry or mirror: ``endpoints`` are ways to speak to it, to be tried in order."""

    endpoints: tuple[Endpoint, ...]
    is_mirror: bool = False


def sources_of(domain: str, config: RegistryConfig) -> list[Source]:
    """Mirrors first, the registry itself last. Mirrors are Docker Hub's only, as in Docker."""
    if domain != DEFAULT_DOMAIN:
        return [Source(_endpoints(domain, config))]
    mirrors = [
        Source((Endpoint(one.scheme, one.host, one.port, not _any(config.insecure, one.host, one.port)),), True)
        for one in config.mirrors
    ]
    return [*mirrors, Source((Endpoint("https", _HUB, 443),))]


def _endpoints(domain: str, config: RegistryConfig) -> tuple[Endpoint, ...]:
    host, port = split_domain(domain)
    is_listed = _any(config.insecure, host, port or 443)
    secure = Endpoint("https", host, port or 443, verified=not is_listed)
    if is_listed or is_loopback(host):
        return secure, Endpoint("http", host, port or 80, verified=False)
    return (secure,)


def is_loopback(host: str) -> bool:
    address = find_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def split_domain(domain: str) -> tuple[str, int | None]:
    head, colon, tail = domain.rpartition(":")
    if colon and tail.isdigit() and not (domain.count(":") > 1 and not head.endswith("]")):
        return plain_host(head), int(tail)
    return plain_host(domain), None


def is_same_registry(server_address: str, domain: str) -> bool:
    """Whether credentials stored under ``server_address`` (a host, or a URL as clients keep it) are ``domain``'s."""
    if domain == DEFAULT_DOMAIN:
        return server_address in _HUB_KEYS
    return bare_address(server_address) == domain.lower()


def bare_address(server_address: str) -> str:
    """``host[:port]`` of what clients keep: with scheme and path, or without."""
    return server_address.lower().removeprefix("https://").removeprefix("http://").partition("/")[0]


@dataclass(frozen=True, slots=True)
class Reach:
    """Where one conversation with the registry ``home`` may lead.

    Inside addresses are for ``home`` itself and for what the operator allowed; the link's own (cloud metadata) for
    the latter only. ``is_registry`` False: ``home`` is any server that a stranger named (a Dockerfile), to be trusted
    no further than where it leads.
    """

    home: Endpoint
    allowed: Sequence[HostPattern] = ()
    insecure: Sequence[HostPattern] = ()
    is_registry: bool = True

    @property
    def who(self) -> str:
        return f"registry {self.home.host}" if self.is_registry else self.home.host

    def check(self, url: URL) -> None:
        """Raises Denied, before anything is looked up."""
        if url.scheme not in ("https", "http"):
            raise Denied(f"{self.who}: sends us to {url.scheme[:20]!r}: only https is followed")
        if url.user or url.password:
            raise Denied(f"{self.who}: sends us to an address with a user in it")
        host, port = plain_host(url.host or ""), url.port or 0
        if url.scheme == "http" and not self.home.owns(url) and not _any(self.insecure, host, port):
            raise Denied(f"{self.who}: sends us to {host}:{port} by plain http; --insecure-registry allows it")
        if (address := find_address(host)) is not None:
            self.check_address(host, port, address)

    def permits(self, host: str, port: int, address: Address) -> bool:
        host, address = plain_host(host), carried(address)
        if not is_internal(address) or _any(self.allowed, host, port, address):
            return True
        is_home = self.is_registry and (host, port) == (self.home.host, self.home.port)
        return is_home and (not is_link_local(address) or _any(self.insecure, host, port, address))

    def check_address(self, host: str, port: int, address: Address) -> None:
        if not self.permits(host, port, address):
            raise Denied(
                f"{self.who}: {host}:{port} is {address}, inside this network, where "
                f"{'a registry' if self.is_registry else 'a build'} may not lead to; --registry-allow allows it"
            )

    def trusts_with_password(self, url: URL) -> bool:
        """Whether the token server at ``url`` may see what was given for ``home``."""
        host = plain_host(url.host or "")
        if self.home.owns(url) or _any(self.allowed, host, url.port or 0):
            return True
        return url.scheme == "https" and self.home.scheme == "https" and is_same_owner(self.home.host, host)


# Below these anybody can have a name, so that two names there say nothing of each other.
_SECOND_LEVEL = ("ac", "co", "com", "edu", "gob", "gov", "go", "ltd", "me", "mil", "ne", "net", "nom", "or", "org")
_SHARED_SUFFIXES = (
    "amazonaws.com", "azurecontainer.io", "azurecr.io", "azurewebsites.net", "cloudapp.net", "cloudfront.net",
    "fly.dev", "github.io", "gitlab.io", "herokuapp.com", "netlify.app", "onrender.com", "pages.dev", "pkg.dev",
    "run.app", "vercel.app", "windows.net", "workers.dev",
)  # fmt: skip


def is_same_owner(registry: str, other: str) -> bool:
    """Same host, or both in one domain that a single owner has: ``registry-1.docker.io`` and ``auth.docker.io``."""
    if registry == other:
        return True
    if find_address(registry) is not None or find_address(other) is not None:
        return False
    owner = registrable_domain(registry)
    return owner is not None and owner == registrable_domain(other)


def registrable_domain(host: str) -> str | None:
    """The last labels of ``host`` that one owner holds; None where that cannot be told."""
    labels = host.split(".")
    suffix = 1
    if len(labels[-1]) == 2 and len(labels) > 1 and labels[-2] in _SECOND_LEVEL:
        suffix = 2
    for count in range(2, len(labels)):
        if ".".join(labels[-count:]) in _SHARED_SUFFIXES:
            return host  # what stands below may name a region first: only the whole is surely one owner's
    return ".".join(labels[-suffix - 1 :]) if len(labels) > suffix else None


def _any(patterns: Sequence[HostPattern], host: str, port: int, address: Address | None = None) -> bool:
    return any(pattern.matches(host, port, address) for pattern in patterns)
