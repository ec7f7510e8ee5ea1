"""What a registry's v1 search answers."""

from dataclasses import dataclass

import msgspec

from engine.model.errors import Invalid
from engine.registry.failures import parsed
from engine.wire.json_body import decode


@dataclass(frozen=True, slots=True)
class Found:
    name: str
    description: str
    stars: int
    is_official: bool
    is_automated: bool


class _ResultJson(msgspec.Struct):
    name: str
    description: str = ""
    star_count: int = 0
    is_official: bool = False
    is_automated: bool = False


class _ResultsJson(msgspec.Struct):
    results: list[_ResultJson] = []


def parse_results(data: bytes) -> list[Found]:
    """Raises Invalid."""
    what = "search results"
    try:
        answer = decode(parsed(data, what=what), _ResultsJson)
    except Invalid as error:
        raise Invalid(f"{what}: {error}") from error
    return [
        Found(one.name, one.description, one.star_count, one.is_official, one.is_automated) for one in answer.results
    ]
