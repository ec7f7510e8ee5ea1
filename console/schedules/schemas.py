"""Schedules and their times as the API is told of them and shows them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from console.containers.schemas import RunInputs
from console.jobs.telling import inputs_to_tell
from console.rest.schemas import Flag, Given, Paging, Shown, Slug, words
from console.schedules.models import Firing, Schedule

State = Annotated[Schedule.State, words(Schedule.State)]
Missed = Annotated[Schedule.Missed, words(Schedule.Missed)]
FiringState = Annotated[Firing.State, words(Firing.State)]
MOST_TIMES = 50
CRON = Field(max_length=120, description="Five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.")
ZONE = Field(max_length=64, description="`Asia/Seoul`")


class BuildWork(Given):
    kind: Literal["image.build"]
    tag: str = Field(max_length=300)
    dockerfile: str = Field(description="Its text.")


class RunWork(RunInputs):
    kind: Literal["container.run"]


class ContainerWork(Given):
    kind: Literal["container.start", "container.stop"]
    name: str = Field(min_length=1, max_length=128, description="Of the container.")


Work = Annotated[BuildWork | RunWork | ContainerWork, Field(discriminator="kind")]


class ScheduleGiven(Given):
    """All of it. It becomes yours; whose it is, its host and the kind of its work stay."""

    name: str = Field(max_length=80)
    work: Work
    cron: str = CRON
    time_zone: str = ZONE
    missed: Missed = Field(Schedule.Missed.SKIP, description="What becomes of times that nobody was there to see.")
    may_overlap: Flag = Field(False, description="May begin while an earlier job of it is still at work.")

    @property
    def inputs(self) -> dict[str, Any]:
        given = self.work.model_dump(exclude={"kind"}, exclude_defaults=True)
        return {name: value for name, value in given.items() if value not in (None, "", [], {})}

    @property
    def times(self) -> dict[str, Any]:
        """All but the work."""
        return {
            "name": self.name,
            "cron": self.cron,
            "time_zone": self.time_zone,
            "missed": self.missed.value,
            "may_overlap": self.may_overlap,
        }


class NewSchedule(ScheduleGiven):
    host: Slug
    workspace: str = Field(
        "", max_length=40, description="Whose it will be; empty: the first in which you may. A container has its own."
    )


class ScheduleShown(Shown):
    id: int
    name: str
    host: str
    workspace: str
    work: dict[str, Any] = Field(
        description="With its `kind`, as it was given. Values in `env` are null without container.secrets there."
    )
    cron: str
    time_zone: str
    missed: Missed
    may_overlap: bool
    owner: str = Field(description="In whose name it runs.")
    state: State
    trouble: str = Field(description="Why it is paused, when nobody asked for that.")
    next_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, schedule: Schedule, *, shows_env: bool) -> Self:
        return cls(
            id=schedule.pk,
            name=schedule.name,
            host=schedule.host.name,
            workspace=schedule.workspace.slug,
            work={"kind": schedule.kind, **inputs_to_tell(schedule.inputs, shows_env=shows_env)},
            cron=schedule.cron,
            time_zone=schedule.time_zone,
            missed=Schedule.Missed(schedule.missed),
            may_overlap=schedule.may_overlap,
            owner=schedule.owner_name,
            state=Schedule.State(schedule.state),
            trouble=schedule.trouble,
            next_at=schedule.next_at.astimezone(UTC) if schedule.next_at else None,
            created_at=schedule.created_at,
        )


class ScheduleQuery(Paging):
    workspace: str = Field("", max_length=40)


class TimesQuery(Given):
    count: int = Field(5, ge=1, le=MOST_TIMES)


class ExpressionQuery(TimesQuery):
    cron: str = CRON
    time_zone: str = ZONE


class TimesShown(Shown):
    times: list[datetime] = Field(description="The next ones, in the schedule's time zone.")


class FiringShown(Shown):
    due_at: datetime
    state: FiringState
    by: str = Field(description="Who had it run; empty: the clock.")
    missed: int = Field(description="How many times before this one nobody was there to see.")
    reason: str
    job: int | None

    @classmethod
    def of(cls, firing: Firing) -> Self:
        return cls(
            due_at=firing.due_at,
            state=Firing.State(firing.state),
            by=firing.by_name,
            missed=firing.missed,
            reason=firing.reason,
            job=firing.job_id,
        )
