"""The frames of the live socket: what a client may say, strictly read, and what it is told.

client → {"op":"subscribe","topic":…,"since":cursor|null}  {"op":"credit","topic":…,"bytes":n}
         {"op":"unsubscribe","topic":…}
server → {"topic","kind":"data","cursor","lines":[[ms|null,stream,text],…],"bytes"} {"topic","kind":"changed"}
         {"topic","kind":"end",…} {"topic","kind":"error","message"}
"""

import json
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from console.live.topics import Chunk
from console.operations.errors import Invalid

MAX_FRAME_CHARS = 8 * 1024
MAX_TOPIC_CHARS = 128
MAX_CREDIT_BYTES = 4 * 1024 * 1024


class CloseCode(IntEnum):
    MALFORMED = 4400
    SIGNED_OUT = 4401
    FORBIDDEN = 4403
    GONE = 4404


@dataclass(frozen=True, slots=True)
class Subscribe:
    topic: str
    since: str | None


@dataclass(frozen=True, slots=True)
class Credit:
    topic: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    topic: str


Request = Subscribe | Credit | Unsubscribe


def request_of(text: str | None) -> Request:
    """Raises Invalid for anything that is not one of the three."""
    if text is None or len(text) > MAX_FRAME_CHARS:
        raise Invalid(f"a frame is text of at most {MAX_FRAME_CHARS} characters")
    try:
        said: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("a frame is one JSON object") from error
    if not isinstance(said, dict):
        raise Invalid("a frame is one JSON object")
    topic = said.get("topic")
    if not isinstance(topic, str) or not 0 < len(topic) <= MAX_TOPIC_CHARS:
        raise Invalid("topic is missing")
    match said.get("op"):
        case "subscribe":
            return Subscribe(topic, _cursor(said.get("since")))
        case "credit":
            return Credit(topic, _credit(said.get("bytes")))
        case "unsubscribe":
            return Unsubscribe(topic)
    raise Invalid("op is subscribe, credit or unsubscribe")


def _cursor(since: object) -> str | None:
    if since is None:
        return None
    if not isinstance(since, str) or len(since) > MAX_TOPIC_CHARS:
        raise Invalid("since is a cursor that this server gave, or null")
    return since


def _credit(size_bytes: object) -> int:
    if isinstance(size_bytes, bool) or not isinstance(size_bytes, int) or not 0 < size_bytes <= MAX_CREDIT_BYTES:
        raise Invalid(f"bytes is a number from 1 to {MAX_CREDIT_BYTES}")
    return size_bytes


def data_frame(topic: str, chunk: Chunk) -> str:
    lines = [line.encoded() for line in chunk.lines]
    return _frame(topic, "data", cursor=chunk.cursor, lines=lines, bytes=chunk.size_bytes)


def changed_frame(topic: str) -> str:
    return _frame(topic, "changed")


def end_frame(topic: str, chunk: Chunk) -> str:
    return _frame(topic, "end", cursor=chunk.cursor, **chunk.facts)


def error_frame(topic: str, message: str) -> str:
    return _frame(topic, "error", message=message)


def poll_body(chunk: Chunk) -> dict[str, object]:
    """The same facts for a client that asks over plain HTTP."""
    return {
        "cursor": chunk.cursor,
        "lines": [line.encoded() for line in chunk.lines],
        "ended": chunk.ended,
        **chunk.facts,
    }


def _frame(topic: str, kind: str, **facts: Any) -> str:
    # lone surrogates from a log would not survive the UTF-8 of a text frame; JSON's own escapes do
    return json.dumps({"topic": topic, "kind": kind, **facts}, ensure_ascii=True, separators=(",", ":"))
