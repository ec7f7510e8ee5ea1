"""What a build will do, worked out before anything is done: the stages it needs, in order, and where each begins."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from engine.build import instructions as i
from engine.build.arguments import BuildArguments
from engine.build.expansion import expand
from engine.build.request import BuildRequest
from engine.build.words import Pair
from engine.model.errors import Invalid
from engine.model.platform import Platform

SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """``base`` is an image's name or "scratch"; with ``base_stage`` it is that stage's result instead.

    ``needs`` are the stages whose results it uses.
    """

    stage: i.Stage
    base: str
    base_stage: int | None
    platform: Platform | None
    needs: frozenset[int] = frozenset()

    @property
    def index(self) -> int:
        return self.stage.index


@dataclass(frozen=True, slots=True)
class Plan:
    """``stages`` holds only what the target needs, the target last. ``indices`` finds stages by lower-case name."""

    arguments: tuple[i.Arg, ...]
    stages: tuple[PlannedStage, ...]
    indices: Mapping[str, int]
    step_count: int


def make_plan(dockerfile: i.Dockerfile, request: BuildRequest, arguments: BuildArguments) -> Plan:
    """Raises Invalid for a target or base that cannot be. ``arguments`` learns the global ARGs."""
    for argument in dockerfile.arguments:
        for name, default in argument.defaults:
            values = arguments.global_values()
            expanded = expand(default, values, escape=dockerfile.escape) if default is not None else None
            arguments.declare_global(name, expanded)
    indices = {stage.base.stage_name: stage.index for stage in dockerfile.stages if stage.base.stage_name}
    values = arguments.global_values()
    target = _target(dockerfile.stages, indices, request.target)
    planned = [
        _planned(stage, indices, values, request.platform, escape=dockerfile.escape)
        for stage in dockerfile.stages[: target + 1]
    ]
    needed = _needed(planned, target, indices)
    stages = tuple(
        replace(planned[index], needs=frozenset(_dependencies(planned[index], indices))) for index in sorted(needed)
    )
    stages = (*stages[:-1], _labelled(stages[-1], request.labels))
    count = len(dockerfile.arguments) + sum(1 + len(stage.stage.instructions) for stage in stages)
    return Plan(dockerfile.arguments, stages, indices, count)


def source_stage(flag: str, indices: Mapping[str, int], *, current: int) -> int | None:
    """The stage that ``--from=flag`` means in stage ``current``; None when it names an image. Raises Invalid."""
    index = indices.get(flag.lower())
    if index is not None and index < current:
        return index
    if not (flag.isascii() and flag.isdigit() and len(flag) < 10):
        if index == current:
            raise Invalid(f"invalid from flag value {flag[:80]}: refers to current build stage")
        return None
    if int(flag) == current:
        raise Invalid(f"invalid from flag value {flag}: refers to current build stage")
    if int(flag) > current:
        raise Invalid(f"invalid from flag value {flag}: index out of bounds")
    return int(flag)


def _target(stages: tuple[i.Stage, ...], indices: Mapping[str, int], target: str) -> int:
    if not target:
        return len(stages) - 1
    index = indices.get(target.lower())
    if index is None and target.isascii() and target.isdigit() and len(target) < 10 and int(target) < len(stages):
        index = int(target)
    if index is None:
        raise Invalid(f"failed to reach build target {target[:80]} in Dockerfile")
    return index


def _planned(
    stage: i.Stage, indices: Mapping[str, int], values: Mapping[str, str], platform: Platform | None, *, escape: str
) -> PlannedStage:
    try:
        base = expand(stage.base.base, values, escape=escape)
        wanted = expand(stage.base.platform, values, escape=escape)
        if not base:
            raise Invalid(f"base name ({stage.base.base[:80]}) should not be blank")
        platform = Platform.parse(wanted) if stage.base.platform else platform
    except Invalid as error:
        raise Invalid(f"dockerfile parse error line {stage.base.number}: {error}") from error
    index = indices.get(base.lower())
    earlier = index if index is not None and index < stage.index else None
    return PlannedStage(stage, base, earlier, platform)


def _needed(planned: list[PlannedStage], target: int, indices: Mapping[str, int]) -> set[int]:
    needed: set[int] = set()
    waiting = [target]
    while waiting:
        index = waiting.pop()
        if index not in needed:
            needed.add(index)
            waiting.extend(_dependencies(planned[index], indices))
    return needed


def _dependencies(stage: PlannedStage, indices: Mapping[str, int]) -> Iterator[int]:
    if stage.base_stage is not None:
        yield stage.base_stage
    for instruction in stage.stage.instructions:
        for flag in _sources(instruction):
            try:
                index = source_stage(flag, indices, current=stage.index)
            except Invalid as error:
                raise Invalid(f"dockerfile parse error line {instruction.number}: {error}") from error
            if index is not None:
                yield index


def _sources(instruction: i.Instruction) -> list[str]:
    """The stages or images whose files it reads."""
    if isinstance(instruction, i.Copy):
        return [instruction.source_stage] if instruction.source_stage else []
    if isinstance(instruction, i.Run):
        return [mount.source_stage for mount in instruction.mounts if mount.source_stage]
    return []


def _labelled(stage: PlannedStage, labels: Mapping[str, str]) -> PlannedStage:
    """The request's labels as further instructions, one each."""
    added = tuple(
        i.Label(number=0, text=f"LABEL {Pair(name, labels[name])}", pairs=(Pair(name, labels[name]),), is_literal=True)
        for name in sorted(labels)
    )
    return replace(stage, stage=replace(stage.stage, instructions=(*stage.stage.instructions, *added)))
