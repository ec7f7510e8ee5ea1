"""Asking a registry, by the console's one way out: its repositories, its tags, and what a tag is.

Signing in is what the registry asks for: a token of its token server, or the password itself. A password goes to the
registry, and to a token server of the same domain; to any other one asks without it.
"""

import base64
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

from django.utils.translation import gettext as _

from console.hub.documents import (
    ACCEPT,
    Listed,
    Variant,
    found_in,
    names_in,
    next_link,
    read_config,
    read_listed,
    token_in,
)
from console.hub.names import DOCKER_HUB, api_host
from console.operations.errors import Denied, Missing
from console.outbound.addresses import parse_url
from console.outbound.client import Answer, Call, Failed, request

# for all that one page asks
LIMIT_S: Final = 15.0
PAGE: Final = 100
# of a catalogue that is searched
MOST_PAGES: Final = 10
# platforms of an index that are looked at one by one
MOST_LOOKS: Final = 8
_MANIFEST_BYTES: Final = 4 << 20
_PARAMETER: Final = re.compile(r'([A-Za-z_]+)="([^"\\]*)"')
_LOOSE: Final = re.compile(r"(?i)bearer\b")


@dataclass(frozen=True, slots=True)
class Names:
    """One page of a list, and where it goes on; ``is_cut``: there may be more that was not looked at."""

    names: list[str]
    after: str = ""
    is_cut: bool = False


@dataclass(slots=True)
class Client:
    """For one page's questions: all of them together have LIMIT_S. ``address`` as in image names."""

    address: str
    username: str = ""
    password: str = field(default="", repr=False)
    is_plain: bool = False
    ca_pem: str = ""
    _deadline: float = field(default_factory=lambda: time.monotonic() + LIMIT_S)
    _authorised: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def base(self) -> str:
        return f"{'http' if self.is_plain else 'https'}://{api_host(self.address)}"

    def check(self) -> None:
        """Raises what is wrong: Failed, Refused, Denied when it does not let one in."""
        self._ask("/v2/", scope="")

    def repositories(self, *, after: str = "") -> Names:
        """A page of the catalogue. Missing where a registry does not tell it, as Docker Hub does not."""
        if self.address == DOCKER_HUB:
            raise Missing(_("This registry does not list its repositories. Search for one, or type its name."))
        query = urlencode({"n": PAGE, **({"last": after} if after else {})})
        try:
            answer = self._ask(f"/v2/_catalog?{query}", scope="registry:catalog:*")
        except (Denied, Missing) as error:
            raise Missing(
                _("This registry does not list its repositories. Search for one, or type its name.")
            ) from error
        names = names_in(answer.body, "repositories")
        return Names(names, _after(answer, names))

    def search(self, text: str) -> Names:
        """Repositories with ``text`` in their names; of Docker Hub by its search, else out of the catalogue."""
        if self.address == DOCKER_HUB:
            query = urlencode({"q": text[:100], "n": 50})
            answer = self._send("GET", f"https://index.docker.io/v1/search?{query}", {})
            return Names(found_in(answer.body))
        found: list[str] = []
        for page, is_last in self._catalogue():
            found += [name for name in page if text.lower() in name]
            if is_last:
                return Names(found[:PAGE], is_cut=len(found) > PAGE)
        return Names(found[:PAGE], is_cut=True)

    def tags(self, repository: str, *, after: str = "") -> Names:
        query = urlencode({"n": PAGE, **({"last": after} if after else {})})
        answer = self._ask(f"/v2/{_path(repository)}/tags/list?{query}", scope=_pull(repository))
        names = names_in(answer.body, "tags")
        return Names(names, _after(answer, names))

    def image(self, repository: str, reference: str) -> Listed:
        """What a tag or digest is now, with sizes and dates of its platforms, the first few of them."""
        listed = self._listed(repository, reference)
        if not listed.is_index:
            variant = self._variant(repository, listed, Variant("", listed.digest))
            return Listed(listed.digest, False, (variant,), listed.size_bytes, listed.layers, listed.config)
        looked = [self._look(repository, one) for one in listed.variants[:MOST_LOOKS]]
        return Listed(listed.digest, True, (*looked, *listed.variants[MOST_LOOKS:]))

    # --- asking ---

    def _catalogue(self) -> Iterator[tuple[list[str], bool]]:
        after = ""
        for _page in range(MOST_PAGES):
            found = self.repositories(after=after)
            after = found.after
            yield found.names, not after
            if not after:
                return

    def _look(self, repository: str, variant: Variant) -> Variant:
        listed = self._listed(repository, variant.digest)
        return variant if listed.is_index else self._variant(repository, listed, variant)

    def _variant(self, repository: str, listed: Listed, variant: Variant) -> Variant:
        answer = self._ask(f"/v2/{_path(repository)}/blobs/{listed.config}", scope=_pull(repository))
        platform, created_at = read_config(answer.body)
        return Variant(variant.platform or platform, variant.digest, listed.size_bytes, created_at, listed.layers)

    def _listed(self, repository: str, reference: str) -> Listed:
        path = f"/v2/{_path(repository)}/manifests/{quote(reference, safe=':')}"
        answer = self._ask(path, scope=_pull(repository), headers={"Accept": ACCEPT})
        return read_listed(answer.body, said=answer.header("docker-content-digest"), wanted=reference)

    def _ask(self, path: str, *, scope: str, headers: Mapping[str, str] | None = None) -> Answer:
        given = {**(headers or {})}
        answer = self._send("GET", f"{self.base}{path}", given, self._authorised.get(scope, ""))
        if answer.status == 401:
            self._authorised[scope] = self._authorise(answer.header("www-authenticate"), scope)
            answer = self._send("GET", f"{self.base}{path}", given, self._authorised[scope])
        if answer.status in (401, 403):
            raise Denied(_("The registry does not let in who asks: look at user and password."))
        if answer.status == 404:
            raise Missing(_("The registry has no such thing."))
        if answer.status != 200:
            words = {"status": answer.status, "reason": answer.reason[:80]}
            raise Failed(_("The registry answered %(status)d %(reason)s.") % words)
        return answer

    def _authorise(self, challenge: str, scope: str) -> str:
        """The header that answers ``challenge`` (RFC 7235, and Docker's token authentication)."""
        if not _LOOSE.match(challenge.strip()):
            return self._basic()
        told = {name.lower(): value for name, value in _PARAMETER.findall(challenge)}
        realm = told.get("realm", "")
        token_server = parse_url(realm)
        own = parse_url(self.base)
        if own.scheme == "https" and token_server.scheme != "https":
            raise Failed(_("The registry's token server does not speak https."))
        wanted = {"service": told.get("service", ""), "scope": scope or told.get("scope", "")}
        query = urlencode({name: value for name, value in wanted.items() if value})
        credentials = self._basic() if _same_domain(own.host, token_server.host) else ""
        url = f"{realm}{'&' if urlsplit(realm).query else '?'}{query}" if query else realm
        answer = self._send("GET", url, {}, credentials)
        if answer.status != 200:
            raise Denied(_("The registry does not let in who asks: look at user and password."))
        return f"Bearer {token_in(answer.body)}"

    def _basic(self) -> str:
        if not self.username:
            return ""
        return f"Basic {base64.b64encode(f'{self.username}:{self.password}'.encode()).decode()}"

    def _send(self, method: str, url: str, headers: Mapping[str, str], authorisation: str = "") -> Answer:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Failed(_("%(host)s did not answer in time.") % {"host": self.address})
        credentials = {"Authorization": authorisation} if authorisation else {}
        call = Call(method, url, headers, credentials, limit_s=left, limit_bytes=_MANIFEST_BYTES, ca_pem=self.ca_pem)
        return request(call)


def _after(answer: Answer, names: list[str]) -> str:
    """Where the next page begins. Only what the link says is believed of it, not where it leads."""
    link = next_link(answer.header("link"))
    if not link or not names:
        return ""
    query = urlsplit(urljoin("https://registry/", link)).query
    return names[-1] if "last=" in query else ""


def _pull(repository: str) -> str:
    return f"repository:{repository}:pull"


def _path(repository: str) -> str:
    return quote(repository, safe="/")


def _same_domain(one: str, other: str) -> bool:
    """The same host, or hosts of one domain: by their last two labels, which are no number."""
    ends = [host.lower().rsplit(".", 2)[-2:] for host in (one, other)]
    is_name = len(ends[0]) == 2 and not ends[0][-1].isdecimal() and ":" not in one + other
    return one.lower() == other.lower() or (is_name and ends[0] == ends[1])
