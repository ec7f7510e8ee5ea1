"""What a page tells of a job besides its state: what it was given, what it gave, how far it is, what it waits for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from console.jobs import output
from console.jobs.kinds import get_kind
from console.jobs.models import Job
from console.jobs.progress import Bar, bars
from console.jobs.queueing import words_for
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import may

HIDDEN = "••••••"
LONG = 60


@dataclass(frozen=True, slots=True)
class Told:
    """One input or result, exactly as it was. ``is_long``: more than a line's worth."""

    name: str
    value: str

    @property
    def is_long(self) -> bool:
        return len(self.value) > LONG or "\n" in self.value


def inputs_of(actor: Actor, job: Job) -> list[Told]:
    """Everything the host got. Values of variables are for those who may see a container's secrets."""
    return inputs_told(job.args, shows_env=may(actor, Permission.CONTAINER_SECRETS, on=job))


def inputs_told(inputs: Mapping[str, Any], *, shows_env: bool) -> list[Told]:
    told = dict(inputs)
    if isinstance(told.get("env"), Mapping):
        told["env"] = environment(told["env"], is_shown=shows_env)
    return _told(told)


def inputs_to_tell(inputs: Mapping[str, Any], *, shows_env: bool) -> dict[str, Any]:
    """For programs: as they were, but for values of variables, None where they are not shown."""
    env = inputs.get("env")
    if shows_env or not isinstance(env, Mapping):
        return dict(inputs)
    return {**inputs, "env": dict.fromkeys(env)}


def environment(env: Mapping[str, str], *, is_shown: bool) -> str:
    """A line for each variable."""
    return "\n".join(f"{name}={value if is_shown else HIDDEN}" for name, value in env.items())


class Proof(StrEnum):
    """What the file of a job's output is found to be."""

    OPEN = "output.open"
    WHOLE = "output.whole"
    CHANGED = "output.changed"
    LOST = "output.lost"
    # sealed before there were digests
    UNKNOWN = "output.unknown"


def proof_of(job: Job) -> Proof:
    """Reads the whole file."""
    if job.output_sealed_at is None:
        return Proof.OPEN
    found = output.measure(job.number)
    if found is None:
        return Proof.LOST
    if not job.output_sha256:
        return Proof.UNKNOWN
    return Proof.WHOLE if found == output.Sealed(job.output_sha256, job.output_bytes) else Proof.CHANGED


def about(actor: Actor, job: Job) -> dict[str, Any]:
    """For ``jobs/job.html`` and what it includes."""
    progress: list[Bar] = bars(job.progress) if job.is_active else []
    return {
        "job": job,
        "waits": words_for(job),
        "bars": progress,
        "more_layers": job.progress.get("more", 0),
        "inputs": inputs_of(actor, job),
        "results": _told(job.result),
        "retry": retry_permission(job),
    }


def retry_permission(job: Job) -> str:
    """What it takes to do this work again; empty where that cannot be."""
    try:
        kind = get_kind(job.kind)
    except KeyError:  # a kind that this version does not know
        return ""
    return kind.permission.value if kind.repeatable else ""


def _told(facts: Mapping[str, Any]) -> list[Told]:
    return [Told(name, _word(value)) for name, value in facts.items() if value not in ("", [], {}, None)]


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
