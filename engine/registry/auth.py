"""Being let in: passwords and tokens (Docker's token and OAuth2 specifications, distribution project).

The registry says in a challenge what it wants. A password goes to the registry itself, or to its token server when
``Reach.trusts_with_password``; never to whatever server a challenge happens to name.
"""

import asyncio
import base64
import re
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlencode

import msgspec
from aiohttp import ClientResponse
from yarl import URL

from engine.model.errors import Denied, EngineError, Invalid, Unauthenticated
from engine.registry.challenge import Challenge, parse_challenges, strongest
from engine.registry.credentials import Credentials
from engine.registry.failures import answered_within, parsed, read_limited, refusal
from engine.registry.outbound import Outbound
from engine.wire.json_body import decode

_CLIENT = "naru"
_LARGEST_TOKEN = 64 << 10
_LEAST_LIFE_S = 60  # what a token server means that names no time (distribution, docs/spec/auth/token.md)
_MOST_LIFE_S = 3600
_MARGIN_S = 10
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_TOKEN = re.compile(r"[\x21-\x7e]+")
_ANSWER_S = 30


class _Answer(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    refresh_token: str = ""
    expires_in: int | float = 0


class Authorizer:
    """For one registry and one set of credentials. Tokens are kept by scope until shortly before they end."""

    def __init__(
        self, outbound: Outbound, credentials: Credentials, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._outbound = outbound
        self._credentials = credentials
        self._clock = clock
        self._challenge: Challenge | None = None
        self._tokens: dict[frozenset[str], tuple[str, float]] = {}
        self._fetching = asyncio.Lock()

    def learn(self, challenges: Iterable[str]) -> bool:
        """Take the header's values of a 401. False when there is nothing in them that we could answer."""
        self._challenge = strongest(parse_challenges(challenges))
        return self._challenge is not None

    def forget(self, scopes: frozenset[str]) -> None:
        """The token was refused."""
        self._tokens.pop(scopes, None)

    async def authorization(self, scopes: frozenset[str] = frozenset()) -> str:
        """The header's value; empty while nobody asked for one, or when there is nothing to show."""
        challenge, given = self._challenge, self._credentials
        if challenge is None:
            return ""
        if challenge.scheme == "basic":
            return _basic(given) if given.username else ""
        if given.registry_token:
            return f"Bearer {_sound(given.registry_token)}"
        async with self._fetching:
            token, ends_at = self._tokens.get(scopes, ("", 0.0))
            if ends_at <= self._clock():
                answer = await self._ask(challenge, scopes)
                token = _sound(answer.token or answer.access_token)
                life_s = min(max(answer.expires_in, _LEAST_LIFE_S), _MOST_LIFE_S) - _MARGIN_S
                self._tokens[scopes] = (token, self._clock() + life_s)
        return f"Bearer {token}"

    async def sign_in(self) -> str:
        """Try the credentials at the token server, when that is how it is done; the identity token it may give."""
        if self._challenge is None or self._challenge.scheme == "basic":
            return ""
        return (await self._ask(self._challenge, frozenset(), offline=True)).refresh_token

    async def _ask(self, challenge: Challenge, scopes: frozenset[str], *, offline: bool = False) -> _Answer:
        realm = self._realm(challenge)
        fields = [("service", challenge.parameters.get("service", "")), ("client_id", _CLIENT)]
        given = self._credentials
        async with answered_within(_ANSWER_S, realm):
            if given.identity_token:
                fields += [("grant_type", "refresh_token"), ("refresh_token", given.identity_token)]
                fields += [("scope", " ".join(sorted(scopes)))] if scopes else []
                form = urlencode(fields).encode()
                response = await self._outbound.open("POST", realm, headers=_FORM, body=lambda: form, follow=False)
            else:
                fields += [("scope", scope) for scope in sorted(scopes)]
                fields += [("account", given.username)] if given.username else []
                fields += [("offline_token", "true")] if offline else []
                secret = _basic(given) if given.username else ""
                url = realm.extend_query([(key, value) for key, value in fields if value])
                response = await self._outbound.open("GET", url, authorization=secret, follow=False)
            async with response:
                if response.status != 200:
                    raise await _refused(response, realm)
                return _decoded(await read_limited(response, _LARGEST_TOKEN, what="a token"), realm)

    def _realm(self, challenge: Challenge) -> URL:
        """Where to ask. Raises Denied when a password would go to somebody else's server."""
        home = self._outbound.home
        text = challenge.parameters.get("realm", "")
        try:
            realm = URL(text).with_fragment(None)
        except ValueError as error:
            raise Invalid(f"registry {home.host}: its realm is no address: {text[:80]!r}") from error
        if realm.scheme not in ("https", "http") or not realm.host:
            raise Denied(f"registry {home.host}: its realm {text[:80]!r} is not an https address")
        if home.scheme == "https" and realm.scheme != "https":
            raise Denied(f"registry {home.host}: its realm {text[:80]!r} is not https")
        self._outbound.reach.check(realm)
        if self._credentials and not self._outbound.reach.trusts_with_password(realm):
            raise Denied(
                f"registry {home.host}: wants the password sent to {realm.host}:{realm.port}, which is not of the same "
                "domain; --registry-allow allows it"
            )
        return realm


async def _refused(response: ClientResponse, realm: URL) -> EngineError:
    error = await refusal(response, f"{realm.origin()}{realm.path}")
    if isinstance(error, Unauthenticated):
        return Unauthenticated("unauthorized: incorrect username or password")
    return error


def _decoded(body: bytes, realm: URL) -> _Answer:
    what = f"token server {realm.host}"
    try:
        answer = decode(parsed(body, what=what), _Answer)
    except Invalid as error:
        raise Invalid(f"{what}: {error}") from error
    if not answer.token and not answer.access_token:
        raise Invalid(f"{what}: its answer holds no token")
    return answer


def _sound(token: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise Invalid("the token holds characters that no header can carry")
    return token


def _basic(given: Credentials) -> str:
    return "Basic " + base64.b64encode(f"{given.username}:{given.password}".encode()).decode()
