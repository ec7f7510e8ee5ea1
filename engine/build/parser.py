"""Logical lines to a ``Dockerfile`` of typed instructions. Errors carry Docker's words and the line."""

from collections.abc import Sequence
from dataclasses import replace

from engine.build import instruction_parsers
from engine.build.instructions import Arg, Dockerfile, From, Instruction, OnBuild, Stage
from engine.build.lexer import Line, lex
from engine.model.errors import EngineError, Invalid

_NOT_IN_TRIGGERS = {"ONBUILD": "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"} | {
    name: f"{name} isn't allowed as an ONBUILD trigger" for name in ("FROM", "MAINTAINER")
}
_MOST_STAGES = 1000


def parse_dockerfile(text: str) -> Dockerfile:
    """Raises Invalid, TooLarge or Unsupported, naming the line."""
    lexed = lex(text)
    instructions = [_parse_line(line, escape=lexed.escape) for line in lexed.lines]
    arguments, stages = _staged(instructions)
    _check_names(stages)
    warnings = tuple(_empty_continuation_warning(line) for line in lexed.empty_continuations)
    return Dockerfile(lexed.escape, arguments, stages, warnings)


def parse_triggers(triggers: Sequence[str]) -> tuple[Instruction, ...]:
    """The instructions an image's ONBUILD left for the builds upon it; they belong to no line of this Dockerfile."""
    instructions = []
    for trigger in triggers:
        lines = lex(trigger).lines
        if len(lines) != 1 or _name_of(lines[0].text) in _NOT_IN_TRIGGERS:
            raise Invalid(f"the base image has an ONBUILD trigger that cannot be run: {trigger[:80]!r}")
        instructions.append(_parse_line(lines[0], escape="\\"))
    return tuple(instructions)


def _parse_line(line: Line, *, escape: str) -> Instruction:
    name = _name_of(line.text)
    try:
        instruction = instruction_parsers.parse(name, line, escape=escape)
        if isinstance(instruction, OnBuild):
            _check_trigger(instruction.trigger, line, escape=escape)
        return instruction
    except EngineError as error:
        message = str(error)
        if not message.startswith("dockerfile parse error line"):
            message = f"dockerfile parse error line {line.number}: {message}"
        raise type(error)(message) from error


def _name_of(text: str) -> str:
    return text.split(None, 1)[0].upper()


def _check_trigger(trigger: str, line: Line, *, escape: str) -> None:
    if not trigger:
        raise Invalid("ONBUILD requires at least one argument")
    if refusal := _NOT_IN_TRIGGERS.get(_name_of(trigger)):
        raise Invalid(refusal)
    if line.heredocs:
        raise Invalid("heredocs are not supported in ONBUILD triggers")
    _parse_line(replace(line, text=trigger), escape=escape)


def _staged(instructions: list[Instruction]) -> tuple[tuple[Arg, ...], tuple[Stage, ...]]:
    arguments: list[Arg] = []
    stages: list[tuple[From, list[Instruction]]] = []
    for instruction in instructions:
        if isinstance(instruction, From):
            stages.append((instruction, []))
        elif stages:
            stages[-1][1].append(instruction)
        elif isinstance(instruction, Arg):
            arguments.append(instruction)
        else:
            raise Invalid(
                f"dockerfile parse error line {instruction.number}: no build stage in current context: "
                "the first instruction must be FROM, or ARG followed by FROM"
            )
    if not stages:
        raise Invalid("no build stage in current context: the Dockerfile has no FROM")
    if len(stages) > _MOST_STAGES:
        raise Invalid(f"the Dockerfile has more than {_MOST_STAGES} stages")
    return tuple(arguments), tuple(Stage(index, base, tuple(found)) for index, (base, found) in enumerate(stages))


def _check_names(stages: tuple[Stage, ...]) -> None:
    seen: set[str] = set()
    for stage in stages:
        name = stage.base.stage_name
        if name and name in seen:
            number = stage.base.number
            raise Invalid(f"dockerfile parse error line {number}: duplicate name {name}: a stage name already used")
        seen.add(name)


def _empty_continuation_warning(line: Line) -> str:
    return (
        f"[WARNING]: Empty continuation line found in:\n    {line.text}\n"
        "[WARNING]: Empty continuation lines will become errors in a future release.\n"
    )
