from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from ninja import Path, Query, Router

from console.audit.exports import FORMATS, lines
from console.audit.observations import check
from console.audit.operations import note_checking, note_reading
from console.audit.queries import get_entry, integrity, visible_entries
from console.audit.schemas import EntryQuery, EntryShown, ExportQuery, IntegrityShown
from console.operations.permissions import Permission
from console.rest.answers import LOG_FILES
from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, listing
from console.web.permits import require_held
from console.web.streaming import in_pieces

router = Router()


@router.get("audit", response=Listing[EntryShown])
def list_audit(request: HttpRequest, wanted: Query[EntryQuery]) -> Listing[EntryShown]:
    """Newest first. Reading it is itself on record."""
    actor = require_held(actor_of(request), Permission.AUDIT_VIEW)
    if not wanted.cursor:
        note_reading(actor, wanted.wanted)
    return listing(visible_entries(actor, wanted.wanted), wanted, by="-seq", show=EntryShown.of)


@router.get("audit/export", openapi_extra=LOG_FILES)
def export_audit(request: HttpRequest, wanted: Query[ExportQuery]) -> StreamingHttpResponse:
    """All entries that the filters leave, oldest first; lines of JSON can be checked against their seals."""
    actor = require_held(actor_of(request), Permission.AUDIT_VIEW)
    note_reading(actor, wanted.wanted, as_file=wanted.format)
    found = visible_entries(actor, wanted.wanted).order_by("seq").iterator(chunk_size=1000)
    answer = StreamingHttpResponse(in_pieces(lines(found, form=wanted.format)), content_type=FORMATS[wanted.format])
    name = f"audit-{timezone.now():%Y-%m-%d}.{wanted.format}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@router.get("audit/integrity", response=IntegrityShown)
def get_audit_integrity(request: HttpRequest) -> IntegrityShown:
    """Whether the log is still as it was written, and how that is known."""
    return IntegrityShown.of(integrity(require_held(actor_of(request), Permission.AUDIT_VIEW)))


@router.post("audit/integrity/check", response=IntegrityShown)
def check_audit(request: HttpRequest) -> IntegrityShown:
    """Compute every seal anew, now."""
    actor = require_held(actor_of(request), Permission.AUDIT_VIEW)
    note_checking(actor)
    check()
    return IntegrityShown.of(integrity(actor))


@router.get("audit/{seq}", response=EntryShown)
def get_audit_entry(request: HttpRequest, seq: Path[Number]) -> EntryShown:
    return EntryShown.of(get_entry(require_held(actor_of(request), Permission.AUDIT_VIEW), seq))
