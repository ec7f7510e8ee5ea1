"""Sessions as the API shows them."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field

from console.rest.schemas import Given, Paging, Shown, Whole, words
from console.terminals.models import Records, Terminal, TerminalRules, Why
from console.terminals.queries import TerminalFilter
from console.terminals.telling import command_of

WhyEnded = Annotated[Why, words(Why)]


class RecordingShown(Shown):
    """What the file of a recording was when it was closed."""

    sha256: str = Field(description="In hexadecimal. It is in the audit log, too.")
    bytes: int


class TerminalShown(Shown):
    number: int
    who: str
    host: str
    workspace: str
    container: str
    command: str
    run_as: str = Field(description="Empty: as the container says.")
    working_dir: str
    opened_at: datetime
    ended_at: datetime | None = Field(description="null: it is open.")
    why: WhyEnded | None = Field(description="Why it has ended.")
    ended_by: str = Field(description="Who asked for its end, if somebody did.")
    error: str
    exit_code: int | None
    in_bytes: int
    out_bytes: int
    records: Literal["nothing", "output", "both"] = Field(description="What of it is recorded.")
    recording: RecordingShown | None

    @classmethod
    def of(cls, terminal: Terminal) -> Self:
        seal = RecordingShown(sha256=terminal.recording_sha256, bytes=terminal.recording_bytes)
        return cls(
            number=terminal.number,
            who=terminal.user_name,
            host=terminal.host.name,
            workspace=terminal.workspace.slug,
            container=terminal.container_name,
            command=command_of(terminal),
            run_as=terminal.run_as,
            working_dir=terminal.working_dir,
            opened_at=terminal.opened_at,
            ended_at=terminal.ended_at,
            why=Why(terminal.why) if terminal.why else None,
            ended_by=terminal.ended_by_name,
            error=terminal.error,
            exit_code=terminal.exit_code,
            in_bytes=terminal.in_bytes,
            out_bytes=terminal.out_bytes,
            records=_records(terminal.records),
            recording=seal if terminal.has_recording else None,
        )


def _records(value: str) -> Literal["nothing", "output", "both"]:
    match value:
        case Records.OUTPUT:
            return "output"
        case Records.BOTH:
            return "both"
    return "nothing"


class TerminalQuery(Paging):
    state: Literal["open", "ended"] | None = None
    who: str = Field("", max_length=150)
    container: str = Field("", max_length=255)
    host: str = Field("", max_length=63)
    workspace: str = Field("", max_length=40)

    @property
    def wanted(self) -> TerminalFilter:
        return TerminalFilter(self.state or "", self.who, self.container, self.host, self.workspace)


class TerminalRulesGiven(Given):
    """All of them."""

    records: Literal["nothing", "output", "both"]
    idle_minutes: Whole = Field(ge=0, le=10_000, description="Without typing; 0: no limit.")
    most_per_person: Whole = Field(ge=0, le=1000, description="Open at once; 0: any number.")
    most_open: Whole = Field(ge=0, le=10_000, description="Open at once, in all; 0: any number.")
    keep_days: Whole = Field(ge=0, le=36_500, description="How long ended ones stay on record; 0: for ever.")


class TerminalRulesShown(Shown):
    records: Literal["nothing", "output", "both"]
    idle_minutes: int
    most_per_person: int
    most_open: int
    keep_days: int

    @classmethod
    def of(cls, rules: TerminalRules) -> Self:
        return cls(
            records=_records(rules.records),
            idle_minutes=rules.idle_minutes,
            most_per_person=rules.most_per_person,
            most_open=rules.most_open,
            keep_days=rules.keep_days,
        )
