from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from console.operations.permissions import Permission
from console.rest.answers import RECORDING
from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, Slug, listing
from console.terminals import recordings
from console.terminals.operations import change_terminal_rules, end_terminal, read_recording
from console.terminals.queries import get_terminal as find_terminal
from console.terminals.queries import rules_of, visible_terminals
from console.terminals.schemas import TerminalQuery, TerminalRulesGiven, TerminalRulesShown, TerminalShown
from console.web.permits import require_held
from console.workspaces.queries import get_workspace

router = Router()
RULES = "workspaces/{slug}/terminal-rules"


@router.get("terminals", response=Listing[TerminalShown])
def list_terminals(request: HttpRequest, wanted: Query[TerminalQuery]) -> Listing[TerminalShown]:
    """Newest first. They are opened in a browser."""
    actor = require_held(actor_of(request), Permission.TERMINAL_VIEW)
    return listing(visible_terminals(actor, wanted.wanted), wanted, by="-pk", show=TerminalShown.of)


@router.get("terminals/{number}", response=TerminalShown)
def get_terminal(request: HttpRequest, number: Path[Number]) -> TerminalShown:
    return TerminalShown.of(find_terminal(require_held(actor_of(request), Permission.TERMINAL_VIEW), number))


@router.post("terminals/{number}/end", response=TerminalShown)
def end_one_terminal(request: HttpRequest, number: Path[Number]) -> TerminalShown:
    """Its program is hung up in a moment; ask again for `ended_at`."""
    return TerminalShown.of(end_terminal(actor_of(request), number))


@router.get("terminals/{number}/recording", openapi_extra=RECORDING)
def get_terminal_recording(request: HttpRequest, number: Path[Number]) -> HttpResponse:
    """What was recorded, as an asciicast of version 2. That it is read is on record."""
    found = read_recording(actor_of(request), number, as_file=True)
    return HttpResponse(recordings.read(found.number), content_type=recordings.MEDIA_TYPE)


@router.get(RULES, response=TerminalRulesShown)
def get_terminal_rules(request: HttpRequest, slug: Path[Slug]) -> TerminalRulesShown:
    """What is recorded, how long and how many may be open, how long they stay on record."""
    actor = require_held(actor_of(request), Permission.WORKSPACE_VIEW)
    found = get_workspace(actor, slug)
    require_held(actor, Permission.POLICY_VIEW, on=found)
    return TerminalRulesShown.of(rules_of(found))


@router.put(RULES, response=TerminalRulesShown)
def set_terminal_rules(request: HttpRequest, slug: Path[Slug], given: TerminalRulesGiven) -> TerminalRulesShown:
    """For sessions that are opened from now on. Asks for a proof."""
    asked = given.model_dump()
    records = asked.pop("records")
    changed = change_terminal_rules(actor_of(request), slug, records="" if records == "nothing" else records, **asked)
    return TerminalRulesShown.of(changed)
