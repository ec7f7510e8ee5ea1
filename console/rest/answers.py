"""Answers that are not just what a handler returns."""

from typing import Any, Final

from django.http import HttpResponse

NOT_KEPT: Final = "private, no-store"


def accepted(response: HttpResponse, address: str) -> None:
    """Where to look what becomes, or became, of it."""
    response["Location"] = address


def not_kept(response: HttpResponse) -> None:
    """Neither by what is between, nor for the same request to come again."""
    response["Cache-Control"] = NOT_KEPT


def _content(*media_types: str) -> dict[str, Any]:
    described = {kind: {"schema": {"type": "string"}} for kind in media_types}
    return {"responses": {200: {"description": "OK", "content": described}}}


# for ``openapi_extra`` of what answers with text
TEXT: Final = _content("text/plain")
RECORDING: Final = _content("application/x-asciicast")
TAR: Final = _content("application/x-tar")
FILES: Final = _content("application/octet-stream", "application/x-tar")
LOG_FILES: Final = _content("text/csv", "application/jsonl")
