"""Stacks, plans and releases as the API is told of them and shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import Field

from console.containers.models import Container
from console.rest.schemas import Flag, Given, Paging, Shown, Slug, Whole
from console.stacks.models import Release, Stack
from console.stacks.planning import labels
from console.stacks.planning.plans import Step
from console.stacks.preparing import Prepared

PATHS = Field(default_factory=lambda: ["compose.yaml"], description="Those that are merged, in order.")
FILES = Field(description="Texts by their paths below the stack's directory, such as `compose.yaml` and `.env`.")


class StackGiven(Given):
    files: dict[str, str] = FILES
    paths: list[str] = PATHS
    variables: dict[str, str] = Field(default_factory=dict, description="They go before those of `.env`.")
    profiles: list[str] = Field(default_factory=list)


class NewStack(StackGiven):
    host: Slug
    name: str = Field(max_length=63)
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may.")
    adopt: str = Field(
        "", max_length=128, description="A project of docker compose on the host, which becomes this stack as it runs."
    )
    directory: str = Field("", max_length=4000, description="What paths are relative to; empty: one below `/srv`.")


class StackQuery(Paging):
    workspace: str = Field("", max_length=40)
    host: str = Field("", max_length=63)


class StackPlanQuery(Given):
    release: int | None = Field(None, ge=1, description="Going back to this one; else what its files say.")


class DeployGiven(Given):
    plan: str = Field(max_length=64, description="The digest of the plan that you agree to.")
    release: Whole | None = Field(None, ge=1, description="Go back to this one, as was planned.")


class ScaleGiven(Given):
    replicas: dict[str, Whole] = Field(description="By service.")


class RemoveStackQuery(Given):
    volumes: bool = Field(False, description="Its volumes too, with all that is in them. Takes a proof of who you are.")


class StackReplicaShown(Shown):
    name: str
    number: int
    state: str
    health: str


class StackServiceShown(Shown):
    name: str
    image: str
    wanted: int = Field(description="Of the newest release.")
    containers: list[StackReplicaShown]


class StackShown(Shown):
    id: int
    name: str
    host: str
    workspace: str
    project: str = Field(description="Its name on the host.")
    directory: str
    files: dict[str, str] | None = Field(description="Null without container.secrets there.")
    paths: list[str]
    variables: dict[str, str | None] = Field(description="Values are null without container.secrets there.")
    profiles: list[str]
    release: int | None = Field(description="The newest one.")
    services: list[StackServiceShown]
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, stack: Stack, containers: Sequence[Container] = (), *, shows_secrets: bool) -> Self:
        newest = stack.newest
        return cls(
            id=stack.pk,
            name=stack.name,
            host=stack.host.name,
            workspace=stack.workspace.slug,
            project=stack.project,
            directory=stack.directory,
            files=stack.files if shows_secrets else None,
            paths=stack.paths,
            variables=stack.variables if shows_secrets else dict.fromkeys(stack.variables),
            profiles=stack.profiles,
            release=newest.number if newest else None,
            services=services_of(newest, containers),
            created_at=stack.created_at,
            changed_at=stack.changed_at,
        )


def services_of(newest: Release | None, containers: Sequence[Container]) -> list[StackServiceShown]:
    """Of the newest release, then those that are on the host besides."""
    found: dict[str, StackServiceShown] = {}
    if newest is not None:
        for name, service in newest.project.services.items():
            found[name] = StackServiceShown(name=name, image=service.image, wanted=service.replicas, containers=[])
    for one in containers:
        name = one.labels.get(labels.SERVICE, "")
        shown = found.setdefault(name, StackServiceShown(name=name, image=one.image, wanted=0, containers=[]))
        number = labels.number_of(one.labels)
        shown.containers.append(StackReplicaShown(name=one.name, number=number, state=one.state, health=one.health))
    return list(found.values())


class PlanStepShown(Shown):
    action: str
    kind: str
    name: str
    service: str
    number: int
    reasons: list[str]
    downtime: Flag
    data_loss: Flag

    @classmethod
    def of(cls, step: Step) -> Self:
        return cls(
            action=step.action.value,
            kind=step.kind,
            name=step.name,
            service=step.service,
            number=step.number,
            reasons=[str(change) for change in step.changes],
            downtime=step.downtime,
            data_loss=step.data_loss,
        )


class StackPlanShown(Shown):
    digest: str = Field(description="To be given when it is to be done.")
    steps: list[PlanStepShown] = Field(description="In the order in which they are done.")
    counts: dict[str, int] = Field(description="Containers by action.")
    downtime: Flag
    data_loss: Flag
    warnings: list[str]
    text: str = Field(description="All of it, for a terminal.")

    @classmethod
    def of(cls, prepared: Prepared) -> Self:
        plan = prepared.plan
        return cls(
            digest=plan.digest,
            steps=[PlanStepShown.of(step) for step in plan.steps],
            counts=plan.counts,
            downtime=plan.has_downtime,
            data_loss=plan.has_data_loss,
            warnings=[*prepared.warnings, *map(str, plan.remarks)],
            text=plan.text(),
        )


class ReleaseShown(Shown):
    number: int
    by: str
    job: int | None
    state: str = Field(description="Of its job.")
    counts: dict[str, int] = Field(description="Containers by what its plan did to them.")
    rolls_back_to: int | None
    services: dict[str, str] = Field(description="Images by service.")
    created_at: datetime

    @classmethod
    def of(cls, release: Release) -> Self:
        return cls(
            number=release.number,
            by=release.by_name,
            job=release.job_id,
            state=release.job.state if release.job else "",
            counts=release.counts,
            rolls_back_to=release.rolls_back_to,
            services={name: service.image for name, service in release.project.services.items()},
            created_at=release.created_at,
        )
