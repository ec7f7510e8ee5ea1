"""What a branch or a tag of a repository is at, asked of its server by the console's own client.

It speaks the protocol that ``git ls-remote`` speaks (git's gitprotocol-http(5) and gitprotocol-v2(5)): a server of
version 2 is asked for the few names that matter, an older one tells them all. Packets have their length before them in
four hexadecimal digits; "0000" and "0001" are marks.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from django.utils.translation import gettext as _

from console.operations.errors import Missing, Unavailable
from console.outbound.client import Answer, Call, request

COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MOST_BYTES: Final = 4 << 20
_SERVICE: Final = "git-upload-pack"
_PEELED: Final = "^{}"


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs in; nobody with an empty ``username``."""

    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        if not self.username:
            return {}
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}


def tip_of(url: str, ref: str, account: Account) -> str:
    """The id of the commit that is there now. Missing for a name that is not there; what the client raises.

    Unavailable for a server that does not answer as git's do.
    """
    if COMMIT.fullmatch(ref):
        return ref
    names = _names_for(ref)
    found = _listed(url, account, names)
    for name in names:
        # what an annotated tag is of goes before the tag itself
        if commit := found.get(name + _PEELED) or found.get(name):
            return commit
    raise Missing(_("The repository has no branch or tag “%(ref)s”.") % {"ref": ref or "HEAD"})


def _names_for(ref: str) -> list[str]:
    """In the order in which git looks for them (gitrevisions(7))."""
    if not ref:
        return ["HEAD"]
    return [ref, f"refs/{ref}", f"refs/tags/{ref}", f"refs/heads/{ref}"]


def _listed(url: str, account: Account, names: list[str]) -> dict[str, str]:
    headers = {"Git-Protocol": "version=2", "Accept": "*/*"}
    answer = _ask(Call("GET", f"{url}/info/refs?service={_SERVICE}", headers, account.headers))
    packets = list(_packets(answer.body))
    if packets[:1] == [f"# service={_SERVICE}".encode()]:
        packets = packets[1:]
    packets = [packet for packet in packets if packet]
    if packets[:1] != [b"version 2"]:
        return _told_all(packets)
    body = b"".join([_packet("command=ls-refs"), b"0001", _packet("peel"), *map(_prefix, names), b"0000"])
    headers |= {"Content-Type": f"application/x-{_SERVICE}-request"}
    call = Call("POST", f"{url}/{_SERVICE}", headers, account.headers, body)
    return _told(list(_packets(_ask(call).body)))


def _ask(call: Call) -> Answer:
    answer = request(replace(call, limit_bytes=_MOST_BYTES, redirects=0))
    if answer.status in (401, 403):
        raise Unavailable(_("The repository does not let us in."))
    if answer.status == 404:
        raise Missing(_("There is no repository at this address."))
    if 300 <= answer.status < 400:
        raise Unavailable(_("The repository is elsewhere: %(url)s") % {"url": answer.header("location")[:200]})
    if answer.status != 200 or not answer.header("content-type").startswith(f"application/x-{_SERVICE}-"):
        raise Unavailable(_("This is no git server: it answered %(status)d.") % {"status": answer.status})
    return answer


def _prefix(name: str) -> bytes:
    return _packet(f"ref-prefix {name}")


def _packet(text: str) -> bytes:
    return f"{len(text) + 5:04x}{text}\n".encode()


def _packets(body: bytes) -> Iterator[bytes]:
    """Without the ends of lines; empty ones for marks. Unavailable for what is cut short."""
    place = 0
    while place < len(body):
        try:
            length = int(body[place : place + 4], 16)
        except ValueError:
            length = -1
        if length < 0 or place + max(length, 4) > len(body):
            raise Unavailable(_("The git server’s answer is cut short."))
        yield body[place + 4 : place + length].rstrip(b"\n") if length > 4 else b""
        place += max(length, 4)


def _told(packets: list[bytes]) -> dict[str, str]:
    """``ID NAME [peeled:ID]`` of version 2."""
    found = {}
    for packet in packets:
        commit, _space, rest = packet.decode(errors="replace").partition(" ")
        name, *more = rest.split(" ")
        if COMMIT.fullmatch(commit):
            found[name] = commit
            for word in more:
                if word.startswith("peeled:") and COMMIT.fullmatch(word[7:]):
                    found[name + _PEELED] = word[7:]
    return found


def _told_all(packets: list[bytes]) -> dict[str, str]:
    """``ID NAME`` of earlier versions; the first has capabilities after a NUL."""
    lines = (packet.partition(b"\0")[0].decode(errors="replace") for packet in packets)
    pairs = (line.partition(" ") for line in lines)
    return {name: commit for commit, _space, name in pairs if COMMIT.fullmatch(commit)}
