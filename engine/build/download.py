"""Files by http(s) for ADD and for a build's remote context, through the engine's one outbound client.

The address comes from a Dockerfile, that is from a stranger: it may not lead inside this network unless the operator
allows that host, and it is shown no credentials.
"""

import asyncio
import hashlib
import os
import re
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from posixpath import basename
from urllib.parse import unquote

import aiohttp
from yarl import URL

from engine.build.threads import in_thread
from engine.config import RegistryConfig
from engine.host.confined import room_for_archive
from engine.model.errors import Invalid, TooLarge, Unavailable
from engine.registry.endpoints import Endpoint
from engine.registry.outbound import Outbound

_WHOLE_S = 3600
_CHECKSUM = re.compile(r"(sha256|sha384|sha512):([0-9a-f]{64,128})")
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a download must have: ``sha256:…``, or sha384 or sha512."""

    algorithm: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> "Checksum":
        match = _CHECKSUM.fullmatch(text)
        if match is None or len(match[2]) != 2 * hashlib.new(match[1]).digest_size:
            raise Invalid(f"--checksum={text[:80]}: expected sha256: and 64 hex digits, or sha384 or sha512")
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.digest}"


def parse_url(text: str) -> URL:
    """Raises Invalid."""
    try:
        url = URL(text)
        port = url.port
    except ValueError as error:
        raise Invalid(f"{text[:80]!r} is no address: {error}") from error
    if url.scheme not in ("http", "https") or not url.host or not port:
        raise Invalid(f"{text[:80]!r} is no http or https address")
    return url.with_fragment(None)


def outbound_to(url: URL, config: RegistryConfig) -> Outbound:
    return Outbound(Endpoint(url.scheme, url.host or "", url.port or 0), config, is_registry=False)


async def download(
    text: str, directory: Path, *, config: RegistryConfig, checksum: Checksum | None = None, name: str = ""
) -> str:
    """Fetch ``text`` into the private ``directory``; the file's name, taken from the address unless ``name`` says it.

    The file is its owner's alone (0600) and as old as the server says, as Docker has it. Raises Invalid, Denied,
    TooLarge, Unavailable.
    """
    url = parse_url(text)
    outbound = outbound_to(url, config)
    try:
        async with asyncio.timeout(_WHOLE_S), outbound.kept(), await outbound.open("GET", url) as response:
            if response.status != 200:
                raise Invalid(
                    f"failed to GET {_shown(url)} with status {response.status} {response.reason or ''}".strip()
                )
            name = name or _name(url, response)
            await _save(response, directory / name, checksum)
            await in_thread(_date, directory / name, response.headers.get("Last-Modified", ""))
            return name
    except TimeoutError as error:
        raise Unavailable(f"{_shown(url)} did not arrive within {_WHOLE_S} s") from error
    except aiohttp.ClientError as error:
        raise Unavailable(f"{_shown(url)}: {str(error)[:200]}") from error


async def _save(response: aiohttp.ClientResponse, path: Path, checksum: Checksum | None) -> None:
    room = await in_thread(room_for_archive, path.parent)
    hashed = hashlib.new(checksum.algorithm) if checksum else None
    size = 0
    path.touch(mode=0o600)
    with path.open("wb") as file:
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > room:
                raise TooLarge(f"{_shown(response.url)} is larger than the {room} bytes there is room for")
            if hashed is not None:
                hashed.update(piece)
            await in_thread(file.write, piece)
    if checksum is not None and hashed is not None and hashed.hexdigest() != checksum.digest:
        found = f"{checksum.algorithm}:{hashed.hexdigest()}"
        raise Invalid(f"digest mismatch for {_shown(response.url)}: wanted {checksum}, found {found}")


def _name(url: URL, response: aiohttp.ClientResponse) -> str:
    """The last part of the address; where it has none, what the server calls it."""
    name = basename(unquote(url.path))
    if not name:
        header = Message()
        header["Content-Disposition"] = response.headers.get("Content-Disposition", "")
        name = basename(header.get_filename() or "")
    if name in ("", ".", "..") or "\0" in name or len(os.fsencode(name)) > _LONGEST_NAME:
        raise Invalid(f"cannot determine filename for source {_shown(url)}")
    return name


def _date(path: Path, last_modified: str) -> None:
    """Without a date, or with one that is none, it is from 1970, so that it is the same next time."""
    try:
        at = parsedate_to_datetime(last_modified).timestamp()
    except (ValueError, TypeError, OverflowError):
        at = 0.0
    os.utime(path, (max(at, 0.0), max(at, 0.0)))


def _shown(url: URL) -> str:
    """Without query, which may hold a signature."""
    return f"{url.origin()}{url.path}"
