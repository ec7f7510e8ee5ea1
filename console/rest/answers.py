"""Answers that are not just what a handler returns."""

from typing import Any, Final

from django.http import HttpResponse


def accepted(response: HttpResponse, address: str) -> None:
    """Where to look what becomes, or became, of it."""
    response["Location"] = address


def _content(*media_types: str) -> dict[str, Any]:
    described = {kind: {"schema": {"type": "string"}} for kind in media_types}
    return {"responses": {200: {"description": "OK", "content": described}}}


# for ``openapi_extra`` of what answers with text
TEXT: Final = _content("text/plain")
LOG_FILES: Final = _content("text/csv", "application/jsonl")
