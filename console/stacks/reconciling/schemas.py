"""What was found of a stack, as the API shows it."""

from datetime import datetime
from typing import Self

from django.utils import timezone
from pydantic import Field

from console.rest.schemas import Given, Shown
from console.stacks.models import Restoration, Stack
from console.stacks.reconciling.deciding import CHOICES
from console.stacks.reconciling.noticing import situation_of
from console.stacks.reconciling.shown import Line, lines_of
from console.stacks.reconciling.words import state_of, told

OF_CHOICES = ", ".join(f"`{choice.value}`" for choice in CHOICES)


class RestoringGiven(Given):
    restores: list[str] = Field(max_length=len(CHOICES), description=f"Of {OF_CHOICES}; empty: nothing.")


class StackRestoreGiven(Given):
    services: list[str] = Field(default_factory=list, max_length=1000, description="Only of these; empty: of all.")


class UnwellShown(Shown):
    service: str
    number: int
    name: str = Field(description="Of the container; empty where none is there.")
    what: str = Field(description="What is wrong with it, in words.")
    then: str = Field(description="What is done about it, in words.")

    @classmethod
    def of(cls, line: Line) -> Self:
        return cls(service=line.service, number=line.number, name=line.name, what=line.what, then=line.then)


class RestoringShown(Shown):
    restores: list[str] = Field(description=f"What is replaced by itself, of {OF_CHOICES}.")
    state: str = Field(description="All of it in a sentence; empty where `unwell` says it.")
    unwell: list[UnwellShown]

    @classmethod
    def of(cls, stack: Stack) -> Self:
        situation = situation_of(stack, now=timezone.now())
        unwell = [UnwellShown.of(line) for line in lines_of(situation)]
        return cls(restores=stack.restores, state=state_of(situation), unwell=unwell)


class RestorationShown(Shown):
    id: int
    service: str
    number: int
    name: str = Field(description="Of the container that was replaced.")
    why: str = Field(description="`missing` or one of " + OF_CHOICES + ".")
    what: str = Field(description="The same in words.")
    by: str = Field(description="Who asked for it; empty: nobody.")
    job: int | None
    error: str = Field(description="Why it could not be asked for.")
    at: datetime

    @classmethod
    def of(cls, one: Restoration) -> Self:
        return cls(
            id=one.pk,
            service=one.service,
            number=one.number,
            name=one.name,
            why=one.why,
            what=told(one),
            by=one.by_name,
            job=one.job_id,
            error=one.error,
            at=one.at,
        )
