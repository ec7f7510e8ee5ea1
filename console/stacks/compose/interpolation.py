"""Variables in values.

    $NAME  ${NAME}          its value; empty, with a warning, where it is not set
    ${NAME:-word}           ``word`` where it is not set or empty         ${NAME-word}   where it is not set
    ${NAME:?word}           refused with ``word`` where not set or empty  ${NAME?word}   where it is not set
    ${NAME:+word}           ``word`` where it is set and not empty        ${NAME+word}   where it is set
    $$                      a dollar

``word`` may hold variables again. Names of entries are never touched.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from console.stacks.compose import nodes
from console.stacks.compose.limits import LIMITS
from console.stacks.compose.nodes import Mark, Node, Scalar, Sequence
from console.stacks.compose.problems import Problem, Problems

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OPERATORS = (":-", ":?", ":+", "-", "?", "+")
MOST_NESTED = 20

Lookup = Callable[[str], str | None]


class TemplateError(Exception):
    """``at``: how many characters into the text."""

    def __init__(self, message: str, *, at: int) -> None:
        super().__init__(message)
        self.at = at


def substituted(text: str, lookup: Lookup, *, unset: Callable[[str], None] | None = None) -> str:
    """The text with its variables replaced. ``unset`` hears of those that were not set and had no default."""
    if "$" not in text:
        return text
    return _Template(text, lookup, unset or (lambda _name: None)).rest("", depth=0)


class _Template:
    def __init__(self, text: str, lookup: Lookup, unset: Callable[[str], None]) -> None:
        self._text = text
        self._lookup = lookup
        self._unset = unset
        self._at = 0

    def rest(self, until: str, *, depth: int, is_used: bool = True) -> str:
        """From here to ``until`` (or the end), which is taken as well. What is not used is only read over."""
        if depth > MOST_NESTED:
            raise TemplateError(_("Variables are nested too deep here."), at=self._at)
        begin, size = self._at, 0
        parts: list[str] = []
        while self._at < len(self._text):
            if until and self._text[self._at] == until:
                self._at += 1
                return "".join(parts)
            part = self._part(until, depth=depth, is_used=is_used)
            size += len(part)
            if size > LIMITS.value_chars:
                raise TemplateError(_("The value becomes too long."), at=begin)
            parts.append(part)
        if until:
            raise TemplateError(_("“${” is not closed by “}”."), at=begin)
        return "".join(parts)

    def _part(self, until: str, *, depth: int, is_used: bool) -> str:
        begin = self._at
        if self._text[begin] != "$":
            stops = [self._text.find(stop, begin) for stop in ("$", until) if stop]
            end = min((stop for stop in stops if stop >= 0), default=len(self._text))
            self._at = end
            return self._text[begin:end]
        if self._text.startswith("$$", begin):
            self._at = begin + 2
            return "$"
        if self._text.startswith("${", begin):
            self._at = begin + 2
            return self._braced(begin, depth=depth, is_used=is_used)
        return self._value(self._name(begin + 1, begin), is_used=is_used)

    def _name(self, at: int, begin: int) -> str:
        found = NAME.match(self._text, at)
        if found is None:
            message = _("“$” begins the name of a variable: letters, digits and “_”. A dollar itself is written “$$”.")
            raise TemplateError(message, at=begin)
        self._at = found.end()
        return found[0]

    def _braced(self, begin: int, *, depth: int, is_used: bool) -> str:
        name = self._name(self._at, begin)
        if self._text.startswith("}", self._at):
            self._at += 1
            return self._value(name, is_used=is_used)
        operator = next((one for one in OPERATORS if self._text.startswith(one, self._at)), None)
        if operator is None:
            message = _("After “${%(name)s” comes “}” or one of :- - :? ? :+ +.")
            raise TemplateError(message % {"name": name}, at=begin)
        self._at += len(operator)
        value = self._lookup(name)
        is_there = value is not None and (value != "" or operator[0] != ":")
        wants_word = is_there if operator[-1] == "+" else not is_there
        word = self.rest("}", depth=depth + 1, is_used=is_used and wants_word)
        if operator[-1] == "?" and not is_there and is_used:
            message = _("The variable %(name)s has no value: %(why)s")
            raise TemplateError(message % {"name": name, "why": word or _("it is required")}, at=begin)
        if wants_word:
            return word
        return "" if operator[-1] == "+" else value or ""

    def _value(self, name: str, *, is_used: bool) -> str:
        value = self._lookup(name)
        if value is None and is_used:
            self._unset(name)
        return value or ""


@dataclass(slots=True)
class Interpolation:
    """Variables of one document replaced by those of ``variables``. ``warnings`` tells of unset ones, each once."""

    variables: Mapping[str, str]
    problems: Problems
    warnings: list[Problem] = field(default_factory=list)

    def applied(self, node: Node, path: str = "") -> Node:
        if isinstance(node, nodes.Mapping):
            begin = f"{path}." if path else ""
            return node.with_entries({name: self.applied(value, begin + name) for name, value in node})
        if isinstance(node, Sequence):
            items = tuple(self.applied(item, f"{path}.{number}") for number, item in enumerate(node.items))
            return replace(node, items=items)
        return self._scalar(node, path)

    def _scalar(self, node: Scalar, path: str) -> Scalar:
        if not isinstance(node.value, str) or "$" not in node.value:
            return node
        try:
            value = substituted(node.value, self.variables.get, unset=lambda name: self._warn(name, node.mark, path))
        except TemplateError as error:
            self.problems.add(_inside(node, error.at), path, str(error))
            return replace(node, value="")
        return replace(node, value=value, is_plain=False)

    def _warn(self, name: str, mark: Mark, path: str) -> None:
        message = _("The variable %(name)s is not set; it is taken for an empty text.") % {"name": name}
        if all(warning.message != message for warning in self.warnings):
            self.warnings.append(Problem(mark, path, message))


def _inside(node: Scalar, at: int) -> Mark:
    return replace(node.mark, column=node.mark.column + at) if node.is_plain else node.mark
