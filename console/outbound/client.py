"""One request, carried out in sight: the address is looked up once, checked, and connected to, and no other.

What somebody typed decides only the URL. Nothing is taken from the environment (no proxy, no ``.netrc``), redirects are
followed by us, each checked like the first, and the whole has one limit in time and one in size, which a server that
sends a byte a second does not get round.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import urljoin

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from console.operations.errors import Invalid, Unavailable
from console.outbound.addresses import Address, Target, parse_networks, parse_url, refused_of

log = structlog.get_logger(__name__)

LIMIT_S: Final = 10.0
LIMIT_BYTES: Final = 1 << 20
MOST_REDIRECTS: Final = 3
_CHUNK_BYTES: Final = 64 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# the method and the body stay
_SAME_AGAIN: Final = frozenset({307, 308})


class Refused(Invalid):
    """The address leads where the console does not go."""


class Failed(Unavailable):
    """The other side was not reached, broke off, took too long or said too much."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is whole. ``url`` is where it came from, after redirects."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    url: str
    reason: str = ""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True)
class Call:
    """``headers`` go wherever a redirect leads; ``credentials`` are headers for the first address's host alone.

    ``trusted`` are hosts that the machine's administrator has named, so that they may be anywhere. ``ca_pem`` are
    certificates that are believed besides the usual ones.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = b""
    limit_s: float = LIMIT_S
    limit_bytes: int = LIMIT_BYTES
    redirects: int = MOST_REDIRECTS
    trusted: frozenset[str] = frozenset()
    ca_pem: str = ""


def request(call: Call) -> Answer:
    """The answer, whatever its status. Raises Refused, Failed, or Invalid for what is no address.

    Blocks for ``limit_s`` at most, redirects included.
    """
    deadline = time.monotonic() + call.limit_s
    method, url, body = call.method, call.url, call.body
    first = parse_url(url)
    for left in range(call.redirects, -1, -1):
        target = parse_url(url)
        credentials = call.credentials if target.origin == first.origin else {}
        with _translated(target):
            answer = _exchange(call, method, target, {**call.headers, **credentials}, body, deadline)
        location = answer.header("location")
        # without any to follow, a redirect is an answer like others
        if answer.status not in _REDIRECTS or not location or call.redirects == 0:
            return Answer(answer.status, answer.headers, answer.body, url, answer.reason)
        if left:
            url = _redirected(target, url, location)
            if answer.status not in _SAME_AGAIN and method != "HEAD":
                method, body = "GET", b""
    raise Failed(_("%(host)s led on more than %(n)d times.") % {"host": first.shown, "n": call.redirects})


def require_reachable(url: str, *, field: str = "url") -> Target:
    """For whoever keeps an address: Invalid (``field``) for one that would be refused. An unknown name passes.

    It may lead elsewhere by the time it is used, so it is checked again then. Takes as long as a name server does.
    """
    target = parse_url(url, field=field)
    try:
        _checked_addresses(target, time.monotonic() + LIMIT_S)
    except Refused as error:
        raise Invalid(str(error), field=field) from error
    except OSError as error:
        log.info("address not looked up", host=target.host, why=str(error))
    return target


def reached(url: str, *, field: str = "url", limit_s: float = LIMIT_S) -> tuple[Target, list[Address]]:
    """Where ``url`` leads, and the addresses that its name has now, all of them allowed: for a program that is told to
    connect to these and no others. Raises Refused, Failed, or Invalid (``field``) for what is no address.
    """
    target = parse_url(url, field=field)
    with _translated(target):
        return target, _checked_addresses(target, time.monotonic() + limit_s)


def _redirected(target: Target, url: str, location: str) -> str:
    try:
        onward = urljoin(url, location)
        after = parse_url(onward)
    except (Invalid, ValueError) as error:
        raise Refused(_("%(host)s led on to what is no address.") % {"host": target.shown}) from error
    if target.scheme == "https" and after.scheme != "https":
        raise Refused(_("%(host)s led on from https to http.") % {"host": target.shown})
    return onward


def _exchange(
    call: Call, method: str, target: Target, headers: Mapping[str, str], body: bytes, deadline: float
) -> Answer:
    """To one address and back."""
    tls = _tls(call.ca_pem)
    connection = _Connection(target, deadline, tls, is_trusted=target.host in call.trusted)
    with _ended_at(deadline, connection):
        given = {"Host": target.host_header, "User-Agent": "Naru", "Accept-Encoding": "identity", "Connection": "close"}
        connection.request(method, target.path, body=body or None, headers={**given, **headers})
        response = connection.getresponse()
        content = _read(response, call.limit_bytes, target)
        return Answer(response.status, tuple(response.getheaders()), content, "", response.reason)


def _read(response: http.client.HTTPResponse, limit_bytes: int, target: Target) -> bytes:
    chunks, size = [], 0
    while chunk := response.read(min(_CHUNK_BYTES, limit_bytes + 1 - size)):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit_bytes:
            words = {"host": target.shown, "n": limit_bytes}
            raise Failed(_("%(host)s answered with more than %(n)d bytes.") % words)
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(chunks)


class _Connection(http.client.HTTPConnection):
    """Connects to the checked address. TLS is still asked for by name, and certificates are for the name."""

    def __init__(self, target: Target, deadline: float, tls: ssl.SSLContext, *, is_trusted: bool) -> None:
        super().__init__(target.host, target.port, timeout=_left(deadline))
        self.target, self.deadline, self.tls, self.is_trusted = target, deadline, tls, is_trusted
        # http.client lets go of its own as soon as an answer has begun
        self._wire: socket.socket | None = None

    def connect(self) -> None:
        plain = self._connected()
        self.sock = self._wire = plain
        if self.target.scheme == "https":
            # within reach of the watchdog before it talks
            secure = self.tls.wrap_socket(plain, server_hostname=self.target.host, do_handshake_on_connect=False)
            self.sock = self._wire = secure
            secure.do_handshake()

    def _connected(self) -> socket.socket:
        """To the first of the checked addresses that takes it."""
        trouble: OSError = OSError(f"{self.target.host} has no address")
        look_up = _resolved if self.is_trusted else _checked_addresses
        for address in look_up(self.target, self.deadline):
            try:
                return socket.create_connection((str(address), self.target.port), timeout=_left(self.deadline))
            except OSError as error:
                trouble = error
        raise trouble

    def break_off(self) -> None:
        with suppress(OSError):
            if self._wire is not None:
                self._wire.shutdown(socket.SHUT_RDWR)


@contextmanager
def _ended_at(deadline: float, connection: _Connection) -> Iterator[None]:
    """A read that waits has a limit of its own, but a server that always says a little never meets it."""
    watchdog = threading.Timer(_left(deadline), connection.break_off)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    except (http.client.HTTPException, OSError, ValueError) as error:
        if time.monotonic() >= deadline:
            raise TimeoutError from error
        raise
    finally:
        watchdog.cancel()
        connection.close()
    if time.monotonic() >= deadline:
        # what was cut off may look whole
        raise TimeoutError


def _checked_addresses(target: Target, deadline: float) -> list[Address]:
    """All of them must be allowed: a name that leads inside as well is up to something."""
    addresses = _resolved(target, deadline)
    if refused := refused_of(addresses, parse_networks(settings.NARU_OUTBOUND_ALLOW)):
        words = {"host": target.host, "address": refused[0]}
        raise Refused(_("%(host)s leads to %(address)s, which is no address of the public internet.") % words)
    return addresses


def _resolved(target: Target, deadline: float) -> list[Address]:
    """Looked up by a thread of its own: a name server that says nothing holds nobody up."""
    found: list[Address] = []
    trouble: list[OSError] = []

    def look_up() -> None:
        try:
            entries = resolve(target.host, target.port)
            found.extend(dict.fromkeys(ipaddress.ip_address(entry.partition("%")[0]) for entry in entries))
        except (OSError, UnicodeError, ValueError) as error:
            trouble.append(error if isinstance(error, OSError) else OSError(str(error)))

    thread = threading.Thread(target=look_up, name="outbound-lookup", daemon=True)
    thread.start()
    thread.join(_left(deadline))
    if thread.is_alive():
        raise TimeoutError
    if trouble:
        raise trouble[0]
    return found


def _system_resolve(host: str, port: int) -> list[str]:
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in entries]


# replaced by tests that play a name server
resolve: Callable[[str, int], list[str]] = _system_resolve


@lru_cache(maxsize=16)
def _tls(ca_pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_pem:
        context.load_verify_locations(cadata=ca_pem)
    return context


def require_certificates(ca_pem: str, *, field: str) -> None:
    """Invalid (``field``) unless it is a text of certificates in PEM."""
    try:
        _tls(ca_pem)
    except (ssl.SSLError, ValueError) as error:
        raise Invalid(_("These are no certificates in PEM."), field=field) from error


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@contextmanager
def _translated(target: Target) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise Failed(_("%(host)s did not answer in time.") % {"host": target.shown}) from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        words = {"host": target.shown, "why": f"{type(error).__name__}: {error}"[:200]}
        raise Failed(_("%(host)s was not reached: %(why)s") % words) from error
