"""Jobs as the API shows them."""

from datetime import datetime
from typing import Annotated, Any, Self

from django.urls import reverse
from pydantic import Field

from console.jobs.models import Job
from console.jobs.output import OutputBatch
from console.jobs.queries import JobFilter
from console.rest.schemas import Paging, Shown, words

State = Annotated[Job.State, words(Job.State)]


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
    is_cancelling: bool
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
            is_cancelling=job.is_cancelling,
            retry_of=job.retry_of_id,
            url=reverse("api:get_job", args=[job.number]),
        )


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
