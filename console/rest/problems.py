"""Errors as answers: one shape for all, ``application/problem+json`` (RFC 9457).

Besides ``type``, ``title``, ``status``, ``detail`` and ``instance``: ``error`` is a word that does not change between
versions or languages; ``field`` the input at fault, ``errors`` all of them; ``permission`` what is missing.
"""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from pydantic import BaseModel, Field

from console.operations.errors import Conflict, ConsoleError, Denied, Unavailable
from console.rest.errors import TooMany, Unauthorised

MEDIA_TYPE = "application/problem+json"
NOT_FIELDS = {"body", "query", "path", "form", "file", "header", "cookie"}
RETRY_S = 1


class FieldError(BaseModel):
    field: str
    detail: str


class Problem(BaseModel):
    type: str = Field(description="urn:naru:problem: and the word of `error`")
    title: str
    status: int
    detail: str = Field(description="What is wrong, for people, in the language that was asked for.")
    instance: str = Field(description="urn:naru:request: and the id that the answer's X-Request-ID and the log have")
    error: str = Field(description="A word that says what kind of problem it is, for programs.")
    field: str | None = Field(None, description="The input that is at fault.")
    errors: list[FieldError] | None = Field(None, description="Every input that is at fault.")
    permission: str | None = Field(None, description="The permission that is missing, where one would be enough.")


def problem(request: HttpRequest, error: ConsoleError) -> HttpResponse:
    facts: dict[str, Any] = {"field": getattr(error, "field", None) or None}
    if isinstance(error, Denied):
        facts["permission"] = error.permission
    answer = told(request, error.status, error.word, str(error), **facts)
    if isinstance(error, Unavailable | TooMany):
        answer["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Conflict):
        answer["Cache-Control"] = "no-store"
    if isinstance(error, Unauthorised):
        answer["WWW-Authenticate"] = 'Bearer realm="naru"' + (', error="invalid_token"' if error.is_bad_token else "")
    return answer


def malformed(request: HttpRequest, found: list[dict[str, Any]]) -> HttpResponse:
    """``found``: errors as pydantic words them."""
    fields = [_field(one["loc"]) for one in found]
    sentences = [
        _sentence(one) if field else _("The body has to be an object of JSON.")
        for field, one in zip(fields, found, strict=True)
    ]
    errors = [{"field": field, "detail": detail} for field, detail in zip(fields, sentences, strict=True)]
    first = errors[0]
    detail = f"{first['field']}: {first['detail']}" if first["field"] else first["detail"]
    return told(request, 400, "invalid", detail, field=first["field"] or None, errors=errors)


def told(request: HttpRequest, status: int, word: str, detail: str, **facts: Any) -> HttpResponse:
    body = {
        "type": f"urn:naru:problem:{word}",
        "title": HttpResponse(status=status).reason_phrase,
        "status": status,
        "detail": detail,
        "instance": f"urn:naru:request:{request.META.get('naru.correlation_id', '')}",
        "error": word,
        **{name: value for name, value in facts.items() if value is not None},
    }
    # half a character, which an address may hold, is answered by a question mark
    content = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    answer = HttpResponse(content, status=status, content_type=MEDIA_TYPE)
    answer["Cache-Control"] = "no-store"
    return answer


def _field(location: tuple[Any, ...]) -> str:
    """Without where it was (body, query) and what our functions call it there. Empty for all of a body."""
    kept = [str(part) for part in location]
    while kept and kept[0] in (*NOT_FIELDS, "given", "wanted"):
        kept = kept[1:]
    return ".".join(kept)


def _sentence(error: dict[str, Any]) -> str:
    text = str(error["msg"]).removeprefix("Value error, ")
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
