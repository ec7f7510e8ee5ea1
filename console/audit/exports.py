"""The log as a file: CSV for people with spreadsheets, JSON lines for programs. Pure but for the rows it is given."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from console.audit.chain import Row, canonical, details_text
from console.audit.models import SEALED, AuditEntry

FORMATS: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
# what spreadsheets take for the beginning of a formula
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def lines(entries: Iterable[AuditEntry], *, form: str) -> Iterator[bytes]:
    """``form`` is one of FORMATS. A line of JSON is what the seal covers, and the seal: it can be checked anywhere."""
    return _csv(entries) if form == "csv" else _json(entries)


def row_of(entry: AuditEntry) -> Row:
    """As it lies in the table."""
    return Row(*(getattr(entry, name) for name in SEALED))._replace(details=details_text(entry.details))


def _json(entries: Iterable[AuditEntry]) -> Iterator[bytes]:
    for entry in entries:
        yield b'{"entry":%s,"seal":"%s"}\n' % (canonical(row_of(entry)), entry.seal.encode())


def _csv(entries: Iterable[AuditEntry]) -> Iterator[bytes]:
    yield _line([*SEALED, "seal"])
    for entry in entries:
        row = row_of(entry)
        yield _line([row.seq, row.at.isoformat(), *(_harmless(text) for text in row[2:]), entry.seal])


def _line(values: list[object]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue().encode()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
