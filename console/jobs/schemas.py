"""Jobs as the API shows them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from django.urls import reverse
from pydantic import Field

from console.jobs.models import Job, JobRules
from console.jobs.output import OutputBatch
from console.jobs.queries import JobFilter
from console.jobs.telling import Proof
from console.rest.schemas import Given, Paging, Shown, Whole, words

State = Annotated[Job.State, words(Job.State)]
WaitsFor = Annotated[Job.WaitsFor, words(Job.WaitsFor)]


class OutputSeal(Shown):
    """What the file of an output was when it was closed."""

    at: datetime
    sha256: str = Field(description="In hexadecimal; empty where it was sealed before there were digests.")
    bytes: int


class JobShown(Shown):
    number: int
    kind: str
    state: State
    host: str
    workspace: str | None
    who: str = Field(description="Who asked for it.")
    target: str = Field(description="What it is about.")
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: dict[str, Any]
    error: str
    note: str = Field(description="Why an earlier attempt ended, or what it waits for.")
    waits_for: WaitsFor | None = Field(description="Why it has not been sent yet, if it waits for more than its turn.")
    is_cancelling: bool
    progress: dict[str, Any] = Field(
        description="While it runs, as far as told: `step` of `steps`, `what`; `layers`, each with id, word, bytes and "
        "of how many, `done` ones and how many `more`; `times` of a build's steps."
    )
    output: OutputSeal | None = Field(description="null: it may still grow.")
    pinned_at: datetime | None = Field(description="It stays for good since then.")
    pinned_by: str
    retry_of: int | None
    url: str = Field(description="Where to ask how it goes.")

    @classmethod
    def of(cls, job: Job) -> Self:
        return cls(
            number=job.number,
            kind=job.kind,
            state=Job.State(job.state),
            host=job.host.name,
            workspace=job.workspace.slug if job.workspace else None,
            who=job.actor_name,
            target=job.on_name,
            attempt=job.attempt,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            result=job.result,
            error=job.error,
            note=job.note,
            waits_for=Job.WaitsFor(job.waits_for) if job.waits_for else None,
            is_cancelling=job.is_cancelling,
            progress=job.progress if job.is_active else {},
            output=_seal(job),
            pinned_at=job.pinned_at,
            pinned_by=job.pinned_by_name,
            retry_of=job.retry_of_id,
            url=reverse("api:get_job", args=[job.number]),
        )


def _seal(job: Job) -> OutputSeal | None:
    if job.output_sealed_at is None:
        return None
    return OutputSeal(at=job.output_sealed_at, sha256=job.output_sha256, bytes=job.output_bytes)


class JobInputsShown(Shown):
    kind: str
    host: str
    workspace: str | None
    inputs: dict[str, Any] = Field(
        description="All that its host got. Values in `env` are null without container.secrets; secrets are references."
    )

    @classmethod
    def of(cls, job: Job, inputs: dict[str, Any]) -> Self:
        workspace = job.workspace.slug if job.workspace else None
        return cls(kind=job.kind, host=job.host.name, workspace=workspace, inputs=inputs)


class ProofShown(Shown):
    proof: Literal["open", "whole", "changed", "lost", "unknown"] = Field(
        description="open: it may still grow; whole: as it was sealed; unknown: sealed before there were digests."
    )

    @classmethod
    def of(cls, proof: Proof) -> Self:
        return cls.model_validate({"proof": proof.value.removeprefix("output.")})


class JobRulesGiven(Given):
    """All of them. What waits or runs already stays where it is."""

    most_running: Whole = Field(ge=0, le=10_000, description="At once; 0: as many as hosts take.")
    most_waiting: Whole = Field(ge=0, le=1_000_000, description="0: any number.")
    keep_days: Whole = Field(ge=0, le=36_500, description="How long ended ones stay; 0: for ever.")
    keep_count: Whole = Field(ge=0, le=100_000_000, description="How many ended ones stay; 0: any number.")


class JobRulesShown(Shown):
    most_running: int
    most_waiting: int
    keep_days: int
    keep_count: int

    @classmethod
    def of(cls, rules: JobRules) -> Self:
        return cls(**{name: getattr(rules, name) for name in JobRules.CHOSEN})


class JobQuery(Paging):
    state: State | None = None
    kind: str = Field("", max_length=64, description="A kind, or the beginning of one with its dot: `container.`")
    host: str = Field("", max_length=63)
    who: str = Field("", max_length=150)
    workspace: str = Field("", max_length=40)

    @property
    def wanted(self) -> JobFilter:
        return JobFilter(self.state or "", self.kind, self.host, self.who, self.workspace)


class OutputShown(Shown):
    cursor: str = Field(description="Give it as `since` to go on.")
    lines: list[str]
    ended: bool = Field(description="The job has ended and this was all.")
    state: State

    @classmethod
    def of(cls, batch: OutputBatch, job: Job) -> Self:
        return cls(cursor=batch.cursor, lines=batch.lines, ended=batch.is_end, state=Job.State(job.state))
