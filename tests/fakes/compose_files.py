"""Stacks out of a dict of files."""

from typing import Any

from console.stacks.compose.loading import Loaded, Request, load
from console.stacks.compose.model import Project
from console.stacks.compose.problems import ComposeInvalid, Problem

DIRECTORY = "/stack"


def loaded(text: str, *, files: dict[str, str] | None = None, **wanted: Any) -> Loaded:
    """``files`` by their names in the stack's directory, or by absolute path."""
    given = {"compose.yaml": text, **(files or {})}
    absolute = {name if name.startswith("/") else f"{DIRECTORY}/{name}": one for name, one in given.items()}
    return load(Request(DIRECTORY, **wanted), absolute.get)


def project(text: str, **more: Any) -> Project:
    return loaded(text, **more).project


def problems(text: str, **more: Any) -> list[Problem]:
    """What is wrong with it; an error of the test when nothing is."""
    try:
        loaded(text, **more)
    except ComposeInvalid as error:
        return list(error.problems)
    raise AssertionError("nothing is wrong with it")


def problem(text: str, **more: Any) -> Problem:
    found = problems(text, **more)
    assert len(found) == 1, found
    return found[0]
