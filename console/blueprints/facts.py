"""What is said of a template, checked; and what a stack's own file gives for one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from console.operations.errors import Invalid
from console.secrets.references import name_in
from console.stacks.catalogue.patterns import parse
from console.stacks.catalogue.templates import LITERAL, REFERENCE
from console.stacks.compose.dotenv import parse_variables
from console.stacks.compose.parsing import parse as parse_compose
from console.stacks.compose.problems import ComposeInvalid
from console.stacks.models import Stack
from console.stacks.sources import Source

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
USED = re.compile(r"(?<!\$)\$(?:\{([A-Za-z_][A-Za-z0-9_]*)|([A-Za-z_][A-Za-z0-9_]*))")
MOST_VARIABLES = 30
MOST_BYTES = 256 * 1024
ANYTHING = ".*"


@dataclass(frozen=True, slots=True)
class Asked:
    """A variable. ``pattern`` is all of what may be given; of one that ``is_secret`` a reference, whatever it says."""

    name: str
    label: str = ""
    default: str = ""
    pattern: str = ANYTHING
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    title: str
    compose: str
    about: str = ""
    variables: Sequence[Asked] = ()


def checked_facts(given: Given) -> dict[str, Any]:
    """Fields of the row. Invalid names a field of Given; ComposeInvalid for what is wrong in the file."""
    title, about = given.title.strip(), given.about.strip()
    if not title or len(title) > 80 or not title.isprintable():
        raise Invalid(_("A title has 1 to 80 letters."), field="title")
    if len(about) > 300:
        raise Invalid(_("At most 300 letters."), field="about")
    if len(given.compose.encode(errors="replace")) > MOST_BYTES or "\0" in given.compose:
        raise Invalid(_("A template's file has at most 256 KiB."), field="compose")
    variables = _checked_variables(given.variables)
    _require_project(given.compose, variables)
    return {"title": title, "about": about, "compose": given.compose, "variables": variables}


def _checked_variables(asked: Sequence[Asked]) -> list[dict[str, Any]]:
    if len(asked) > MOST_VARIABLES:
        raise Invalid(_("A template asks for at most 30 variables."), field="variables")
    found: dict[str, dict[str, Any]] = {}
    for one in asked:
        if not NAME.fullmatch(one.name):
            raise Invalid(_("“%(name)s” is no name of a variable.") % {"name": one.name[:80]}, field="variables")
        if one.name in found:
            raise Invalid(_("“%(name)s” is there twice.") % {"name": one.name}, field="variables")
        found[one.name] = _checked_variable(one)
    return list(found.values())


def _checked_variable(one: Asked) -> dict[str, Any]:
    label, pattern = one.label.strip(), REFERENCE if one.is_secret else one.pattern.strip() or ANYTHING
    if len(label) > 80 or not label.isprintable():
        raise Invalid(_("%(name)s: a label has at most 80 letters.") % {"name": one.name}, field="variables")
    try:
        fits = parse(pattern).matches(one.default)
    except Invalid as error:
        raise Invalid(f"{one.name}: {error}", field="variables") from error
    # none is no default: then it has to be given
    if one.default and not (fits and LITERAL.fullmatch(one.default)):
        message = _("%(name)s: what is given where nobody says anything does not match its own pattern.")
        raise Invalid(message % {"name": one.name}, field="variables")
    return {
        "name": one.name,
        "label": label,
        "default": one.default,
        "pattern": pattern,
        "is_secret": one.is_secret,
    }


def _require_project(compose: str, variables: Sequence[Mapping[str, Any]]) -> None:
    """Whole where every variable has a default; else as far as it can be read without."""
    if all(one["default"] for one in variables):
        env = "".join(f"{one['name']}='{one['default']}'\n" for one in variables)
        Source("/srv/template", "template", {"compose.yaml": compose, ".env": env}).load()
    elif not parse_compose(compose, "/srv/template/compose.yaml"):
        raise Invalid(_("The file is empty."), field="compose")


def given_by(stack: Stack) -> Given:
    """Its first file, and what it has for the variables that are used there."""
    compose = stack.files.get(stack.paths[0], "")
    try:
        values = {**parse_variables(stack.files.get(".env", ""), ".env", around={}), **stack.variables}
    except ComposeInvalid:
        values = dict(stack.variables)
    names = dict.fromkeys(first or second for first, second in USED.findall(compose))
    asked = [_asked_by(name, values.get(name, "")) for name in names][:MOST_VARIABLES]
    return Given(stack.name, compose, "", asked)


def _asked_by(name: str, value: str) -> Asked:
    return Asked(name, "", value if LITERAL.fullmatch(value) else "", is_secret=name_in(value) is not None)
