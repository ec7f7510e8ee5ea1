"""Is the log what was written? Every seal is computed anew, and the log is held against heads that were given away."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection
from django.utils.translation import gettext as _

from console.audit.chain import GENESIS, canonical_text, seal_text, time_text
from console.audit.heads import BadHead, Head
from console.audit.models import SEALED, AuditCheckpoint, AuditEntry, AuditHead, AuditSegment
from console.audit.segments import BadSegment, check_segment

MOST_FINDINGS: Final = 20
_ROWS_AT_ONCE: Final = 5000
_SECONDS_LENGTH: Final = len("2026-11-25 21:00:00")
# clocks of several machines differ, and are set right by small steps
_BACKWARDS: Final = timedelta(seconds=5)
_COLUMNS: Final = ", ".join((*SEALED, "seal"))


@dataclass(slots=True)
class Report:
    """``findings`` is empty when the log is whole; after MOST_FINDINGS nobody looks on."""

    entries: int = 0
    heads: int = 0
    segments: int = 0
    newest: int = 0
    findings: list[str] = field(default_factory=list)

    def find(self, text: str) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(text)

    @property
    def is_whole(self) -> bool:
        return not self.findings


@dataclass(slots=True)
class _Place:
    """Where the check stands: the last entry seen, its seal, and the time it gives."""

    seq: int = 0
    seal: str = GENESIS
    at: str = ""


def verify(key: bytes, public: Ed25519PublicKey, *, witnessed: Iterable[str] = ()) -> Report:
    """``witnessed``: lines of heads from wherever they were given to; the database's own are checked too."""
    report = Report()
    place = _check_segments(report, public)
    kept_from = place.seq
    heads = _heads(report, public, witnessed)
    _check_entries(report, key, place, heads)
    _check_end(report, place, heads, kept_from=kept_from)
    report.newest = place.seq
    return report


def _check_segments(report: Report, public: Ed25519PublicKey) -> _Place:
    """Those that lie in files; the entries in the database begin where the last of them ends."""
    place = _Place()
    for segment in AuditSegment.objects.all():
        try:
            check_segment(segment, public)
        except BadSegment as error:
            report.find(str(error))
        if (segment.first, segment.before) != (place.seq + 1, place.seal):
            report.find(
                _("Segment %(segment)s does not follow entry %(seq)d.") % {"segment": segment, "seq": place.seq}
            )
        place.seq, place.seal = segment.last, segment.seal
        report.segments += 1
    return place


def _heads(report: Report, public: Ed25519PublicKey, witnessed: Iterable[str]) -> dict[int, list[Head]]:
    found: dict[int, list[Head]] = {}
    own = AuditCheckpoint.objects.values_list("line", flat=True).iterator()
    for line in (*own, *(line for line in witnessed if line.strip())):
        try:
            head = Head.read(line, public)
        except BadHead as error:
            report.find(_("A signed head is none: %(why)s (%(line)s)") % {"why": error, "line": line[:80]})
        else:
            report.heads += 1
            found.setdefault(head.seq, []).append(head)
    return found


def _check_entries(report: Report, key: bytes, place: _Place, heads: dict[int, list[Head]]) -> None:
    for seq, at, *rest, written in _raw_entries():
        if seq != place.seq + 1:
            _tell_gap(report, place.seq, seq)
        # after a break go on from what is written, so that one change is one finding
        if seal_text(key, place.seal, canonical_text(seq, at, rest)) != written:
            report.find(_("Entry %(seq)d was changed, or those before it.") % {"seq": seq})
        if at < place.at:  # as text, which is quicker to compare than it is to read
            _check_order(report, seq, place.at, at)
        if seq in heads:
            _check_heads(report, heads[seq], at, written)
        place.seq, place.seal, place.at = seq, written, at
        report.entries += 1


def _check_order(report: Report, seq: int, before: str, at: str) -> None:
    if datetime.fromisoformat(at) < datetime.fromisoformat(before) - _BACKWARDS:
        report.find(
            _("Entry %(seq)d is dated %(at)s, before the entry it follows: a clock was set back.")
            % {"seq": seq, "at": at}
        )


def _tell_gap(report: Report, before: int, seq: int) -> None:
    if seq > before + 1:
        report.find(_("Entries %(first)d to %(last)d are missing.") % {"first": before + 1, "last": seq - 1})
    else:
        report.find(_("Entry %(seq)d follows entry %(before)d.") % {"seq": seq, "before": before})


def _check_heads(report: Report, heads: Sequence[Head], at: str, written: str) -> None:
    for head in heads:
        if head.seal != written:
            report.find(_("Entry %(seq)d is not the one whose head was signed at %(at)s.") % _words(head))
        elif head.at < datetime.fromisoformat(at) - _BACKWARDS:
            report.find(
                _("Entry %(seq)d is dated after its head was signed, %(at)s: a clock was set back.") % _words(head)
            )


def _check_end(report: Report, place: _Place, heads: dict[int, list[Head]], *, kept_from: int) -> None:
    head = AuditHead.objects.filter(pk=AuditHead.ONLY).first() or AuditHead()
    if (head.seq, head.seal) != (place.seq, place.seal):
        report.find(
            _("The log ends at entry %(seq)d and should end at %(wanted)d.") % {"seq": place.seq, "wanted": head.seq}
        )
    beyond = max(heads, default=0)
    if beyond > place.seq:
        report.find(
            _("The log ends at entry %(seq)d, but entry %(beyond)d was signed at %(at)s: its end was cut off.")
            % {"seq": place.seq, "beyond": beyond, "at": heads[beyond][0].at.isoformat(timespec="seconds")}
        )
    sealed = {segment.last: segment.seal for segment in AuditSegment.objects.all()}
    for seq, their_seal in sealed.items():
        for each in heads.get(seq, []):
            if each.seal != their_seal and seq <= kept_from:
                report.find(_("Entry %(seq)d is not the one whose head was signed at %(at)s.") % _words(each))


def _words(head: Head) -> dict[str, object]:
    return {"seq": head.seq, "at": head.at.isoformat(timespec="seconds")}


def _raw_entries() -> Iterator[tuple[Any, ...]]:
    """As they lie in the table, quicker than models are made: a hundred thousand take less than a second."""
    table = connection.ops.quote_name(AuditEntry._meta.db_table)
    is_sqlite = connection.vendor == "sqlite"
    # as text: Django's own reading of a time takes as long as all else that is done with an entry
    columns = _COLUMNS.replace(" at,", " CAST(at AS TEXT),", 1) if is_sqlite else _COLUMNS
    read = _sqlite_time_text if is_sqlite else time_text
    last = -1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {columns} FROM {table} WHERE seq > %s ORDER BY seq LIMIT %s",  # noqa: S608 (names of ours)
                [last, _ROWS_AT_ONCE],
            )
            rows = cursor.fetchall()
        for row in rows:
            yield row[0], read(row[1]), *row[2:]
        if len(rows) < _ROWS_AT_ONCE:
            return
        last = rows[-1][0]


def _sqlite_time_text(text: str) -> str:
    """SQLite keeps UTC without saying so, and no microseconds where there are none."""
    return text + ("+00:00" if len(text) > _SECONDS_LENGTH else ".000000+00:00")
