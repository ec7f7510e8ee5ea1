"""Fingerprints and capsules as the API is told of them and shows them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from console.capsules.locks.comparing import Verdict
from console.capsules.models import EnvironmentLock, StackCapsule
from console.capsules.restoring import ImagePart, Restoring
from console.rest.schemas import Flag, Given, Paging, Shown, Slug, Whole, words
from console.stacks.models import Stack
from console.stacks.schemas import PlanStepShown

Texts = dict[str, str]


class LockShown(Shown):
    """`lock` is the file env.lock itself, as docs/capsule.md describes it."""

    fingerprint: str
    release: int
    by: str
    created_at: datetime
    checked_at: datetime | None = Field(description="When what runs was last held against it.")
    is_identical: bool | None = Field(description="What came of that.")
    lock: dict[str, Any]

    @classmethod
    def of(cls, found: EnvironmentLock) -> Self:
        return cls(
            fingerprint=found.fingerprint,
            release=found.release,
            by=found.by_name,
            created_at=found.created_at,
            checked_at=found.checked_at,
            is_identical=found.verdict.get("is_identical"),
            lock=found.lock.document(),
        )


class VerifyGiven(Given):
    """One of them, or neither: then what runs is held against its own newest fingerprint."""

    lock: dict[str, Any] | None = Field(None, description="An env.lock.")
    stack: Whole | None = Field(None, ge=1, description="Another stack, which is looked at now.")


class DifferenceShown(Shown):
    subject: str = Field(description="Such as `service web`, `network front`, `volume data`.")
    field: str
    kind: Literal["changed", "missing", "added"] = Field(description="missing: only the lock has it.")
    locked: str
    found: str


class VerdictShown(Shown):
    is_identical: bool
    fingerprint: str
    locked_fingerprint: str
    differences: list[DifferenceShown] = Field(description="Of variables only their names.")
    other_secrets: list[str] = Field(description="Secrets with other values; they are no part of a fingerprint.")

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        return cls.model_validate(verdict.as_json())


class CapsuleQuery(Paging):
    workspace: str = Field("", max_length=40)


class CapsuleGiven(Given):
    volumes: list[str] = Field(default_factory=list, max_length=500, description="By their keys in the Compose file.")
    keep_days: Whole | None = Field(None, ge=0, le=3650, description="0: until somebody removes it.")
    stops: Flag = Field(False, description="Stop the containers that have the volumes, and start them again after.")


class UploadCapsuleGiven(Given):
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may.")
    keep_days: int | None = Field(None, ge=0, le=3650, description="0: until somebody removes it.")


class StackCapsuleShown(Shown):
    number: int
    state: Annotated[StackCapsule.State, words(StackCapsule.State)]
    origin: Annotated[StackCapsule.Origin, words(StackCapsule.Origin)]
    problem: str = Field(description="Why it is of no use, if it has failed.")
    stack: str = Field(description="The name of the stack that it was made of.")
    release: int
    workspace: str
    job: int | None
    size_bytes: int
    sha256: str
    fingerprint: str
    volumes: list[str]
    made_by: str
    created_at: datetime
    expires_at: datetime | None = Field(description="Null: until somebody removes it.")

    @classmethod
    def of(cls, capsule: StackCapsule) -> Self:
        return cls(
            number=capsule.number,
            state=StackCapsule.State(capsule.state),
            origin=StackCapsule.Origin(capsule.origin),
            problem=capsule.problem,
            stack=capsule.stack_name,
            release=capsule.release,
            workspace=capsule.workspace.slug,
            job=capsule.job_id,
            size_bytes=capsule.size_bytes,
            sha256=capsule.sha256,
            fingerprint=capsule.fingerprint,
            volumes=capsule.volumes,
            made_by=capsule.made_by_name,
            created_at=capsule.created_at,
            expires_at=capsule.expires_at,
        )


class RestorePlanQuery(Given):
    host: str = Field(min_length=1, max_length=63)
    name: str = Field(min_length=1, max_length=63)
    volumes: bool = Field(True, description="With what is in them.")


class RestoreCapsuleGiven(Given):
    host: Slug
    name: str = Field(min_length=1, max_length=63, description="Of the stack that is to be made.")
    volumes: Flag = Field(True, description="With what is in them.")
    over: Flag = Field(False, description="Volumes that are there are made anew. Takes a proof of who you are.")
    moves_names: Flag = Field(False, description="Names that mean other images there mean these from then on.")
    secrets: Texts = Field(default_factory=dict, max_length=1000, description="Values of those that are missing.")


class CapsuleImageShown(Shown):
    id: str
    names: list[str]
    size_bytes: int
    taken: list[str] = Field(description="Names that mean another image there.")

    @classmethod
    def of(cls, one: ImagePart) -> Self:
        names, taken = list(one.names), list(one.taken)
        return cls(id=f"sha256:{one.engine_id}", names=names, size_bytes=one.size_bytes, taken=taken)


class CapsuleVolumeShown(Shown):
    key: str
    name: str = Field(description="On the host.")
    size_bytes: int
    is_there: bool


class RestorePlanShown(Shown):
    project: str
    fingerprint: str
    images: list[CapsuleImageShown]
    volumes: list[CapsuleVolumeShown]
    missing_secrets: list[str] = Field(description="To be given when it is restored.")
    left: list[str] = Field(description="What belonged to the stack and is not in the capsule.")
    steps: list[PlanStepShown]

    @classmethod
    def of(cls, wanted: Restoring) -> Self:
        return cls(
            project=wanted.project_name,
            fingerprint=wanted.index.lock.fingerprint,
            images=[CapsuleImageShown.of(one) for one in wanted.images],
            volumes=[
                CapsuleVolumeShown(key=one.key, name=one.name, size_bytes=one.size_bytes, is_there=one.is_there)
                for one in wanted.volumes
            ],
            missing_secrets=list(wanted.missing),
            left=list(wanted.left),
            steps=[PlanStepShown.of(step) for step in wanted.prepared.plan.steps],
        )


class RestoredShown(Shown):
    stack: int
    job: int | None = Field(description="The work; its result says whether what runs then is identical.")

    @classmethod
    def of(cls, stack: Stack) -> Self:
        newest = stack.newest
        return cls(stack=stack.pk, job=newest.job_id if newest is not None else None)
