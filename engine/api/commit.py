"""``POST /commit``."""

from aiohttp import web

from engine.api.call import Call
from engine.api.replies import json_reply
from engine.containers.commit import CommitRequest
from engine.model.errors import Invalid
from engine.model.reference import Reference
from engine.wire.commit import decode_commit


async def commit(call: Call) -> web.Response:
    """The client going away does not end it."""
    query = call.query
    container, repository, tag = query.text("container"), query.text("repo"), query.text("tag")
    if not container:
        raise Invalid("container: a name or id is needed")
    if tag and not repository:
        raise Invalid("tag: a repository (repo) is needed with a tag")
    request = CommitRequest(
        reference=_reference(repository, tag) if repository else None,
        comment=query.text("comment"),
        author=query.text("author"),
        pause=query.flag("pause", default=True),
        changes=tuple(call.lines("changes")),
        config=decode_commit(await call.json_body()),
    )
    image = await call.finish(call.parts.commits.commit(container, request))
    return json_reply({"Id": str(image.id)}, status=201)


def _reference(repository: str, tag: str) -> Reference:
    reference = Reference.parse(f"{repository}:{tag}" if tag else repository)
    if reference.digest:
        raise Invalid("repo: refusing to create a tag with a digest reference")
    return reference
