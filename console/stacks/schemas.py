"""Stacks, plans and releases as the API is told of them and shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from django.utils.translation import gettext as _
from pydantic import Field

from console.containers.models import Container
from console.operations.errors import Invalid
from console.rest.schemas import Flag, Given, Paging, Shown, Whole
from console.stacks.catalogue.templates import Template, Variable
from console.stacks.compose.parts import UpdateConfig
from console.stacks.gating import monitor_s
from console.stacks.models import Release, Stack
from console.stacks.planning import labels
from console.stacks.planning.placing import Placing
from console.stacks.planning.plans import Step
from console.stacks.preparing import Prepared
from console.stacks.queries import Adoptable
from console.stacks.services import ServiceNow, by_service, published_by

PATHS = Field(default_factory=lambda: ["compose.yaml"], description="Those that are merged, in order.")
FILES = Field(description="Texts by their paths below the stack's directory, such as `compose.yaml` and `.env`.")


class StackGiven(Given):
    files: dict[str, str] = FILES
    paths: list[str] = PATHS
    variables: dict[str, str] = Field(default_factory=dict, description="They go before those of `.env`.")
    profiles: list[str] = Field(default_factory=list)


class NewStack(StackGiven):
    host: str = Field("", max_length=63, description="Empty: that on which it fits best.")
    name: str = Field(max_length=63)
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may.")
    adopt: str = Field(
        "", max_length=128, description="A project of docker compose on the host, which becomes this stack as it runs."
    )
    directory: str = Field("", max_length=4000, description="What paths are relative to; empty: one below `/srv`.")


class PlacementGiven(StackGiven):
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may.")


class HostPlacementShown(Shown):
    """A host for a stack, as far as it is known. Free is what neither limits promise nor programs use."""

    host: str
    fits: Flag
    reasons: list[str] = Field(description="Why not.")
    cpus_left: float = Field(description="Free with what the stack reserves.")
    memory_left_bytes: int
    running: int = Field(description="Containers.")

    @classmethod
    def of(cls, one: Placing) -> Self:
        return cls(
            host=one.host.name,
            fits=one.fits,
            reasons=list(one.reasons),
            cpus_left=round(one.cpus_left, 2),
            memory_left_bytes=one.memory_left_bytes,
            running=one.host.running,
        )


class StackQuery(Paging):
    workspace: str = Field("", max_length=40)
    host: str = Field("", max_length=63)


class StackPlanQuery(Given):
    release: int | None = Field(None, ge=1, description="Going back to this one; else what its files say.")
    scale: str = Field("", max_length=4000, description="Or other numbers of what runs, such as `web=3,db=1`.")

    @property
    def replicas(self) -> dict[str, int]:
        """Invalid (``scale``) for what is no ``service=number``."""
        found = {}
        for text in filter(None, self.scale.split(",")):
            name, _sign, number = text.partition("=")
            if not (number.isdecimal() and len(number) < 6):
                raise Invalid(
                    _("“%(text)s” is no service with a number, such as web=3.") % {"text": text[:80]}, field="scale"
                )
            found[name] = int(number)
        return found


class DeployGiven(Given):
    plan: str = Field(max_length=64, description="The digest of the plan that you agree to.")
    release: Whole | None = Field(None, ge=1, description="Go back to this one, as was planned.")


class ScaleGiven(Given):
    replicas: dict[str, Whole] = Field(description="By service.")
    plan: str = Field("", max_length=64, description="The digest of a plan for it; else as the host is by then.")


class RemoveStackQuery(Given):
    volumes: bool = Field(False, description="Its volumes too, with all that is in them. Takes a proof of who you are.")


class TemplateVariableShown(Shown):
    name: str
    label: str
    default: str
    pattern: str = Field(description="A regular expression for all of it.")

    @classmethod
    def of(cls, one: Variable) -> Self:
        return cls(name=one.name, label=str(one.label), default=one.default, pattern=one.pattern)


class StackTemplateShown(Shown):
    """A stack to begin with: give its file and your `.env` to a new stack."""

    slug: str
    title: str
    about: str
    variables: list[TemplateVariableShown]
    compose: str = Field(description="The Compose file.")

    @classmethod
    def of(cls, one: Template) -> Self:
        return cls(
            slug=one.slug,
            title=str(one.title),
            about=str(one.about),
            variables=[TemplateVariableShown.of(variable) for variable in one.variables],
            compose=one.text,
        )


class AdoptableShown(Shown):
    """A project of docker compose that no stack is; `adopt` it when a stack is created."""

    host: str
    project: str
    workspace: str
    containers: int
    services: list[str]
    directory: str = Field(description="What its containers say of it.")
    files: list[str] = Field(description="Paths on the host that they were made from.")

    @classmethod
    def of(cls, one: Adoptable) -> Self:
        return cls(
            host=one.host.name,
            project=one.project,
            workspace=one.workspace,
            containers=one.containers,
            services=one.services,
            directory=one.directory,
            files=one.files,
        )


class StackReplicaShown(Shown):
    name: str
    number: int
    state: str
    health: str

    @classmethod
    def of(cls, one: Container) -> Self:
        return cls(name=one.name, number=labels.number_of(one.labels), state=one.state, health=one.health)


class StackServiceShown(Shown):
    name: str
    image: str
    wanted: int = Field(description="Of the newest release.")
    ports: list[str] = Field(default_factory=list, description="What is published now.")
    containers: list[StackReplicaShown]


class StackUpdateShown(Shown):
    """How containers are replaced."""

    parallelism: int = Field(description="At the same time; 0: all.")
    order: str
    delay_s: float
    monitor_s: float = Field(description="For how long one without a health check has to keep running.")
    failure_action: str
    max_failure_ratio: float

    @classmethod
    def of(cls, update: UpdateConfig) -> Self:
        return cls(
            parallelism=1 if update.parallelism is None else update.parallelism,
            order=update.order or "stop-first",
            delay_s=update.delay_ns / 1e9,
            monitor_s=monitor_s(update),
            failure_action=update.failure_action or "pause",
            max_failure_ratio=update.max_failure_ratio,
        )


class StackServiceDetail(Shown):
    name: str
    image: str
    image_ids: list[str] = Field(description="Those that its containers have; several during an update.")
    wanted: int = Field(description="Of the newest release.")
    release: int | None
    ports: list[str] = Field(description="What is published now.")
    update: StackUpdateShown | None
    containers: list[StackReplicaShown]

    @classmethod
    def of(cls, service: ServiceNow) -> Self:
        return cls(
            name=service.name,
            image=service.image,
            image_ids=service.image_ids,
            wanted=service.wanted,
            release=service.release.number if service.release else None,
            ports=[_port(port) for port in service.ports],
            update=StackUpdateShown.of(service.update) if service.update else None,
            containers=[StackReplicaShown.of(one) for one in service.containers],
        )


def _port(port: dict[str, Any]) -> str:
    return f"{port['host_address']}:{port['host_port']}:{port['container_port']}/{port['protocol']}"


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
    repository: str = Field(description="Where its files come from; empty where they were given.")
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
            repository=stack.repository,
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
    for name, own in by_service(containers).items():
        shown = found.setdefault(name, StackServiceShown(name=name, image=own[0].image, wanted=0, containers=[]))
        shown.containers = [StackReplicaShown.of(one) for one in own]
        shown.ports = [_port(port) for port in published_by(own)]
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
    commit: str = Field(description="Id of the commit that its files were of; empty where they were given.")
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
            commit=str(release.commit.get("id", "")),
            services={name: service.image for name, service in release.project.services.items()},
            created_at=release.created_at,
        )
