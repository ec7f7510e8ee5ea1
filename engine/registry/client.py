"""One repository of one registry, over the distribution API (OCI distribution-spec): what is asked and answered."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse
from yarl import URL

from engine.model.digest import Digest
from engine.model.errors import Invalid, TooLarge, Unauthenticated
from engine.registry.auth import Authorizer
from engine.registry.credentials import Credentials
from engine.registry.documents import ACCEPTED, LARGEST_DOCUMENT
from engine.registry.failures import Busy, Unreachable, answered_within, parsed, read_limited, refusal
from engine.registry.outbound import Body, Outbound
from engine.registry.retrying import Patience

_TAGS_A_PAGE = 1000
_MOST_TAGS = 100_000
_ANSWER_S = 30
_OK = (200,)


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or index as it came; ``data`` has digest ``digest``."""

    data: bytes
    media_type: str
    digest: Digest


class RegistryClient:
    """``actions``: what is to be done with the repository ``path``, of pull and push."""

    def __init__(self, outbound: Outbound, path: str, credentials: Credentials, *, actions: tuple[str, ...]) -> None:
        self.path = path
        self.home = outbound.home
        self._outbound = outbound
        self._authorizer = Authorizer(outbound, credentials)
        self.scopes = frozenset({f"repository:{path}:{','.join(actions)}"})

    def kept(self) -> AbstractAsyncContextManager[None]:
        """Connections stay open at least until the end of this."""
        return self._outbound.kept()

    # -- asking

    async def ping(self) -> None:
        """Find out whether a registry answers there, and what it wants to see. Raises Unreachable, Untrusted."""
        url = self.home.url / "v2/"
        async with answered_within(_ANSWER_S, url), await self._outbound.open("GET", url) as response:
            if response.status == 401:
                self._learn(response)
            elif response.status != 200:
                raise await refusal(response, str(url))

    async def sign_in(self) -> str:
        """Raises Unauthenticated unless the credentials are good; gives the identity token, if there is one."""
        token = await self._authorizer.sign_in()
        if not token:
            async with await self.request(
                "GET", self.home.url / "v2/", scopes=frozenset(), wanted=(200, 401)
            ) as response:
                if response.status == 401:
                    raise Unauthenticated("unauthorized: incorrect username or password")
        return token

    async def request(
        self,
        method: str,
        url: URL,
        *,
        scopes: frozenset[str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        wanted: tuple[int, ...] = _OK,
        retried: bool = True,
    ) -> ClientResponse:
        """An answer whose status is one of ``wanted``; the caller releases it. Otherwise raises what it means.

        Signs in when asked to. ``retried``: tries again, with growing pauses, what may be better next time.
        """
        patience = Patience()
        while True:
            try:
                return await self._request_once(method, url, scopes, headers, body, wanted)
            except (Unreachable, Busy) as error:
                if not retried:
                    raise
                await patience.wait(error)

    async def _request_once(
        self,
        method: str,
        url: URL,
        scopes: frozenset[str] | None,
        headers: Mapping[str, str] | None,
        body: Body | None,
        wanted: tuple[int, ...],
    ) -> ClientResponse:
        scopes = self.scopes if scopes is None else scopes
        follow = method in ("GET", "HEAD")
        for is_last in (False, True):
            shown = await self._authorizer.authorization(scopes) if self.home.owns(url) else ""
            response = await self._outbound.open(
                method, url, authorization=shown, headers=headers, body=body, follow=follow
            )
            if response.status == 401 and not is_last and self._learn(response):
                response.close()
                self._authorizer.forget(scopes)
                continue
            break
        if response.status in wanted:
            return response
        async with response:
            raise await refusal(response, f"{method} {url.origin()}{url.path}")

    def _learn(self, response: ClientResponse) -> bool:
        """Only from the registry itself: one that it redirected to has no say in who gets to see a password."""
        return self.home.owns(response.url) and self._authorizer.learn(response.headers.getall("WWW-Authenticate", []))

    def url(self, *parts: str) -> URL:
        return self.home.url.joinpath("v2", *self.path.split("/"), *parts)

    # -- documents

    async def manifest(self, name: str, *, expected: Digest | None = None) -> Document:
        """The document that a tag or digest names. Raises Missing ``manifest unknown``."""
        url, headers = self.url("manifests", name), {"Accept": ", ".join(ACCEPTED)}
        async with answered_within(_ANSWER_S, url), await self.request("GET", url, headers=headers) as response:
            data = await read_limited(response, LARGEST_DOCUMENT, what="a manifest")
            said = response.headers.get("Docker-Content-Digest", "")
            media_type = response.headers.get("Content-Type", "")
        digest = Digest.of(data)
        wanted = expected or (Digest.parse(name) if name.startswith("sha256:") else None)
        if wanted is not None and digest != wanted:
            raise Invalid(f"manifest verification failed for digest {wanted}: what came has digest {digest}")
        if said.startswith("sha256:") and said != str(digest):
            raise Invalid(f"manifest verification failed: the registry says {said[:80]}, what came has digest {digest}")
        return Document(data, media_type, digest)

    async def small_blob(self, digest: Digest, size_bytes: int) -> bytes:
        """An image's configuration, verified."""
        url = self.url("blobs", str(digest))
        async with answered_within(_ANSWER_S, url), await self.request("GET", url) as response:
            data = await read_limited(response, LARGEST_DOCUMENT, what=f"blob {digest}")
        if Digest.of(data) != digest or len(data) != size_bytes:
            raise Invalid(f"image config verification failed for digest {digest}")
        return data

    async def tags(self) -> list[str]:
        """All of the repository's, in the registry's order."""
        tags: list[str] = []
        url: URL | None = self.url("tags", "list").with_query(n=str(_TAGS_A_PAGE))
        while url is not None:
            async with answered_within(_ANSWER_S, url), await self.request("GET", url) as response:
                body = await read_limited(response, LARGEST_DOCUMENT, what="a list of tags")
                following = response.links["next"].get("url") if "next" in response.links else None
            page: Any = parsed(body, what="list of tags").get("tags") or []
            if not isinstance(page, list) or not all(isinstance(tag, str) for tag in page):
                raise Invalid("list of tags: expected a list of strings")
            tags += page
            if len(tags) > _MOST_TAGS:
                raise TooLarge(f"repository {self.path}: more than {_MOST_TAGS} tags")
            url = self._next_page(following, page)
        return tags

    def _next_page(self, following: Any, page: list[str]) -> URL | None:
        if not page or not isinstance(following, URL):
            return None
        if not self.home.owns(following):
            raise Invalid(f"registry {self.home.host}: continues its list of tags on another server")
        return following

    # -- blobs

    async def open_blob(self, digest: Digest, *, offset: int = 0) -> ClientResponse:
        """Its bytes from ``offset`` on, or from the beginning when the status is 200. The caller tries again."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        url = self.url("blobs", str(digest))
        return await self.request("GET", url, headers=headers, wanted=(200, 206), retried=False)

    async def has_blob(self, digest: Digest, size_bytes: int) -> bool:
        async with await self.request("HEAD", self.url("blobs", str(digest)), wanted=(200, 404)) as response:
            length = response.headers.get("Content-Length", "")
            return response.status == 200 and length in ("", str(size_bytes))

    async def put_manifest(self, name: str, data: bytes, media_type: str) -> None:
        headers = {"Content-Type": media_type}
        async with await self.request(
            "PUT", self.url("manifests", name), headers=headers, body=lambda: data, wanted=(200, 201, 202)
        ) as response:
            said = response.headers.get("Docker-Content-Digest", "")
        if said and said != str(Digest.of(data)):
            raise Invalid(f"registry {self.home.host}: stored the manifest as {said[:80]}, we sent {Digest.of(data)}")
