"""Patterns of variables: what they say is what ``re`` says of them, and none takes long, whoever wrote it."""

import random
import re
import time

import pytest

from console.operations.errors import Invalid
from console.stacks.catalogue.patterns import parse
from console.stacks.catalogue.templates import TEMPLATES

PATTERNS = [
    *sorted({variable.pattern for template in TEMPLATES for variable in template.variables}),
    *(
        "",
        "a",
        "a?b*c+",
        "[^ab]*",
        ".{2,3}",
        "[a-c]{2}x",
        "a{2,}",
        r"\d+\.\d+",
        r"[\w-]+",
        "dev|test|prod-[0-9]",
        "^ab$",
    ),
    *("a*a*a*b", "[-a]+", "[a-]+", r"[\]\\]", r"\$", "|a", "a{0,2}a{0,2}c?"),
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_they_say_what_re_says(pattern: str) -> None:
    chance = random.Random(pattern)
    texts = ["", "a", "ab", "abc", "secret:a", "redis:7", "12.5", "prod-1", "prod-12", "8080", "0", "]", "$", "-", "\\"]
    texts += ["".join(chance.choices("abcx- 1.:/-_", k=chance.randint(0, 6))) for _ in range(300)]
    for text in texts:
        assert parse(pattern).matches(text) == bool(re.fullmatch(pattern, text)), text


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(?:a)",
        "a**",
        "a{3,2}",
        "a{2000}",
        "[",
        "[]",
        "[^]",
        "[b-a]",
        "[[a]",
        "a)",
        "\\",
        r"\1",
        r"\b",
        "x{",
        "*a",
    ]
    + ["a" * 301, r"(?=a)", "a++"],
)
def test_what_is_not_understood_is_told_of(pattern: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(pattern)
    assert caught.value.field == "pattern"


def test_none_takes_long() -> None:
    """Each of these takes ``re`` longer than anybody lives, or would if it had the groups."""
    began = time.process_time()
    for pattern in ("a*" * 149 + "b", ".*" * 100 + "x", "[^b]{0,1000}" * 24 + "b", "a?" * 100 + "a{100}"):
        assert not parse(pattern).matches("a" * 499 + "c")
    assert time.process_time() - began < 2
