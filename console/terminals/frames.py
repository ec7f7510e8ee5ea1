"""The wire of ``/ws/terminal/<session>``: what a page may say, strictly read, and what it is told. Pure.

page → bytes: typed input
       {"op":"attach","since":cursor|null,"columns":n,"rows":n}    first, once
       {"op":"shown","cursor":n}      everything before it is on the screen: the credit
       {"op":"resize","columns":n,"rows":n}
server → bytes: output, from the cursor on that "attached" names
       {"kind":"attached","cursor":n,"shown":n,"taken":n,"received":n,"records":"…","has_tty":bool}
       {"kind":"taken","bytes":n}     input handed to the program since the session began: the credit of the page
Of input the server has ``received`` so much since the session began; a page that comes again repeats what lies beyond.
       {"kind":"idle","ends_in_s":n}  {"kind":"end","why":"…","text":"…","exit_code":n|null}
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from console.operations.errors import Invalid

MOST_FRAME_BYTES: Final = 16 * 1024
# of input that the program has not taken yet; a page waits beyond it
INPUT_WINDOW_BYTES: Final = 64 * 1024
MOST_COLUMNS: Final = 1000
_LARGEST: Final = 2**53


@dataclass(frozen=True, slots=True)
class Attach:
    since: int | None
    columns: int
    rows: int

    def frame(self) -> str:
        return json.dumps({"op": "attach", "since": self.since, "columns": self.columns, "rows": self.rows})


@dataclass(frozen=True, slots=True)
class Shown:
    cursor: int

    def frame(self) -> str:
        return json.dumps({"op": "shown", "cursor": self.cursor})


@dataclass(frozen=True, slots=True)
class Resize:
    columns: int
    rows: int

    def frame(self) -> str:
        return json.dumps({"op": "resize", "columns": self.columns, "rows": self.rows})


@dataclass(frozen=True, slots=True)
class Typed:
    data: bytes

    def frame(self) -> bytes:
        return self.data


Said = Attach | Shown | Resize | Typed


def said_of(frame: str | bytes) -> Said:
    """Raises Invalid for what is none of the four."""
    if len(frame) > MOST_FRAME_BYTES:
        raise Invalid(f"a frame has at most {MOST_FRAME_BYTES} bytes")
    if isinstance(frame, bytes):
        return Typed(frame)
    try:
        said: Any = json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise Invalid("a frame is bytes or one JSON object") from error
    if not isinstance(said, dict):
        raise Invalid("a frame is bytes or one JSON object")
    match said.get("op"):
        case "attach":
            since = said.get("since")
            place = None if since is None else _number(since, "since", least=0, most=_LARGEST)
            return Attach(place, *_size(said))
        case "shown":
            return Shown(_number(said.get("cursor"), "cursor", least=0, most=_LARGEST))
        case "resize":
            return Resize(*_size(said))
    raise Invalid("op is attach, shown or resize")


def _size(said: dict[str, Any]) -> tuple[int, int]:
    columns, rows = (_number(said.get(name), name, least=1, most=MOST_COLUMNS) for name in ("columns", "rows"))
    return columns, rows


def _number(value: object, name: str, *, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Invalid(f"{name} is a number from {least} to {most}")
    return value


def attached_frame(*, cursor: int, shown: int, taken: int, received: int, records: str, has_tty: bool) -> str:
    facts = {"records": records, "has_tty": has_tty}
    return _frame("attached", cursor=cursor, shown=shown, taken=taken, received=received, **facts)


def taken_frame(taken: int) -> str:
    return _frame("taken", bytes=taken)


def idle_frame(ends_in_s: int) -> str:
    return _frame("idle", ends_in_s=ends_in_s)


def end_frame(why: str, *, text: str = "", exit_code: int | None = None) -> str:
    return _frame("end", why=why, text=text, exit_code=exit_code)


def _frame(kind: str, **facts: Any) -> str:
    return json.dumps({"kind": kind, **facts}, separators=(",", ":"))
