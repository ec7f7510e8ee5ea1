"""Registries: pull, push, sign-in, what an image there is, search."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from aiohttp import web

from engine.api.call import Call
from engine.api.replies import JsonLines, json_reply
from engine.images.telling import told
from engine.model.errors import Invalid, Unauthenticated
from engine.model.platform import Platform
from engine.model.reference import Reference
from engine.model.transfer import Tell
from engine.registry.credentials import Credentials, decode_credentials, decode_header
from engine.registry.search import Found
from engine.wire.json_body import parse_object
from engine.wire.transfer import encode_telling

_log = logging.getLogger(__name__)
_FILTERS: Final = ("stars", "is-official", "is-automated")
_MOST_RESULTS: Final = 100


def credentials_of(call: Call) -> Credentials:
    """None where the header cannot be read, as in Docker: clients without any send a word in its place."""
    try:
        return decode_header(call.request.headers.get("X-Registry-Auth", ""))
    except Invalid as error:
        _log.info("%s: taken for no credentials", error)
        return Credentials()


async def pull(call: Call, name: str) -> web.StreamResponse:
    """``POST /images/create?fromImage=``. Without a tag or digest: every tag. The client going away ends it."""
    reference = _reference(name, call.query.text("tag"))
    platform_text = call.query.text("platform")
    platform = Platform.parse(platform_text) if platform_text else None
    credentials = credentials_of(call)
    puller = call.parts.puller

    async def work(tell: Tell) -> None:
        if reference.tag or reference.digest:
            await puller.pull(reference, platform=platform, credentials=credentials, tell=tell)
        else:
            await puller.pull_all(reference, platform=platform, credentials=credentials, tell=tell)

    return await _streamed(call, work)


def _reference(name: str, tag: str) -> Reference:
    """``tag`` may be a digest, and then replaces nothing that ``name`` says."""
    if not tag:
        return Reference.parse(name)
    return Reference.parse(f"{name}@{tag}" if ":" in tag else f"{name}:{tag}")


async def push(call: Call) -> web.StreamResponse:
    reference = Reference.parse(call.name)
    tag = call.query.text("tag")
    if reference.digest is not None:
        raise Invalid("cannot push a digest reference")
    if tag:
        reference = Reference.parse(f"{reference.name}:{tag}")
    if call.query.text("platform"):
        raise Invalid("platform: an image has one platform here; leave it out")
    credentials = credentials_of(call)

    async def work(tell: Tell) -> None:
        await call.parts.pusher.push(reference, credentials=credentials, tell=tell)

    return await _streamed(call, work)


async def _streamed(call: Call, work: Callable[[Tell], Coroutine[Any, Any, None]]) -> web.StreamResponse:
    async with JsonLines(call.request) as lines:
        await told(lambda telling: lines.write(encode_telling(telling)), work)
    return lines.response


async def sign_in(call: Call) -> web.Response:
    """``docker login``: the engine keeps nothing of it; clients send their credentials with each request."""
    credentials = decode_credentials(parse_object(await call.json_body()), field="body")
    if not credentials:
        raise Invalid("body: username, or identitytoken, is wanted")
    try:
        token = await call.parts.registries.sign_in(credentials)
    except Unauthenticated as error:
        raise Unauthenticated(f"login attempt failed: {error}") from error
    return json_reply({"Status": "Login Succeeded", "IdentityToken": token})


async def distribution(call: Call) -> web.Response:
    """``GET /distribution/{name}/json``: what a registry has under that name, without pulling it."""
    reference = Reference.parse(call.name)
    found = await call.parts.puller.look(reference, credentials=credentials_of(call))
    descriptor = {
        "mediaType": found.descriptor.media_type,
        "digest": str(found.descriptor.digest),
        "size": found.descriptor.size_bytes,
    }
    return json_reply({"Descriptor": descriptor, "Platforms": [_platform(one) for one in found.platforms]})


def _platform(platform: Platform) -> dict[str, str]:
    variant = {"variant": platform.variant} if platform.variant else {}
    return {"architecture": platform.architecture, "os": platform.os, **variant}


async def search(call: Call) -> web.Response:
    term = call.query.text("term")
    if not term:
        raise Invalid("term: what to search for is wanted")
    filters = call.query.filters(known=_FILTERS)
    limit = call.query.number("limit", 25, least=1, most=_MOST_RESULTS)
    least_stars = max((_stars(text) for text in filters.get("stars")), default=0)
    official, automated = filters.flag("is-official"), filters.flag("is-automated")
    found = await call.parts.registries.search(term, limit=limit)
    wanted = [
        one
        for one in found
        if one.stars >= least_stars and official in (None, one.is_official) and automated in (None, one.is_automated)
    ]
    return json_reply([_result(one) for one in wanted])


def _stars(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid(f"invalid filter 'stars={text[:80]}'")
    return int(text)


def _result(found: Found) -> dict[str, object]:
    return {
        "name": found.name,
        "description": found.description,
        "star_count": found.stars,
        "is_official": found.is_official,
        "is_automated": found.is_automated,
    }
