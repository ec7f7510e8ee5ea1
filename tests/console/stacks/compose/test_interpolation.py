"""Variables in values, and files of them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.stacks.compose.dotenv import parse_variables
from console.stacks.compose.interpolation import TemplateError, substituted
from console.stacks.compose.problems import ComposeInvalid
from tests.fakes.compose_files import loaded, problem, project

AROUND = {"SET": "v", "EMPTY": "", "OTHER": "o"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$SET ${SET}", "v v"),
        ("$SETTER|", "|"),
        ("$$SET $${SET}", "$SET ${SET}"),
        ("${UNSET:-d}${UNSET-d}${EMPTY:-d}${EMPTY-d}", "ddd"),
        ("${SET:-d}${SET-d}", "vv"),
        ("${SET:+r}${SET+r}${EMPTY:+r}${EMPTY+r}${UNSET:+r}${UNSET+r}", "rrr"),
        ("${SET:?e}${EMPTY?e}", "v"),
        ("${UNSET:-${OTHER}}${UNSET:-a${EMPTY:-${OTHER}}b}", "oaob"),
        ("${UNSET:-$$}${UNSET:-a:-b}", "$a:-b"),
        ("${UNSET-}|${UNSET:-}", "|"),
        ("${SET:-${REQUIRED:?not asked for}}", "v"),
        ("a}b{", "a}b{"),
    ],
)
def test_variables_are_replaced_as_the_specification_says(text, value):
    assert substituted(text, AROUND.get) == value


@pytest.mark.parametrize(
    ("text", "at"),
    [("a $ b", 2), ("$", 0), ("ab${", 2), ("${SET", 0), ("${SET!x}", 0), ("x${1}", 1), ("${UNSET:-${}", 9), ("$1", 0)],
)
def test_what_is_no_variable_is_refused_at_its_place(text, at):
    with pytest.raises(TemplateError) as caught:
        substituted(text, AROUND.get)
    assert caught.value.at == at


@pytest.mark.parametrize("text", ["${UNSET?why not}", "${EMPTY:?why not}", "${UNSET:?${NOTHING:-why not}}"])
def test_required_variables_say_why(text):
    with pytest.raises(TemplateError, match="why not"):
        substituted(text, AROUND.get)


names = st.sampled_from(["SET", "EMPTY", "OTHER", "UNSET"])
words = st.text(st.characters(exclude_characters="$}{", exclude_categories=["Cs"]), max_size=8)


@given(words)
def test_text_without_dollars_stays_as_it_is(text):
    assert substituted(text, AROUND.get) == text


@given(st.text(max_size=40))
def test_doubled_dollars_come_back_single(text):
    assert substituted(text.replace("$", "$$"), AROUND.get) == text


@given(st.text("$}{:-?+aS ", max_size=30))
def test_anything_is_replaced_or_refused(text):
    with suppress(TemplateError):
        assert isinstance(substituted(text, AROUND.get), str)


def as_the_specification_says(name: str, operator: str, word: str) -> str | None:
    """None: refused."""
    value = AROUND.get(name)
    is_there = bool(value) if operator[0] == ":" else value is not None
    match operator[-1]:
        case "-":
            return value or "" if is_there else word
        case "+":
            return word if is_there else ""
        case _:
            return value or "" if is_there else None


@given(names, st.sampled_from([":-", "-", ":?", "?", ":+", "+"]), words, words, st.integers(0, 3))
def test_every_operator_does_what_it_says_however_deep(name, operator, word, around, depth):
    text = f"${{{name}{operator}{word}}}"
    for _level in range(depth):
        text = f"${{UNSET:-{around}{text}}}"
    wanted = as_the_specification_says(name, operator, word)
    if wanted is None:
        with pytest.raises(TemplateError):
            substituted(text, AROUND.get)
    else:
        assert substituted(text, AROUND.get) == around * depth + wanted


def test_values_that_are_replaced_become_what_the_field_is():
    found = project(
        "services: {a: {image: 'x:${T}', scale: $N, tty: $Y, ports: ['${P}:80']}}",
        files={".env": "T=1\nN=3\nY=true\nP=8080\n"},
    )
    a = found.services["a"]
    assert (a.image, a.scale, a.tty, a.ports[0].published) == ("x:1", 3, True, "8080")


def test_unset_variables_are_warned_of_once_and_names_are_left_alone():
    found = loaded("services: {a: {image: x, labels: {$A: '$A$A'}, user: $A}}")
    assert [(one.path, "A is not set" in one.message) for one in found.warnings] == [("services.a.labels.$A", True)]
    assert found.project.services["a"].labels == {"$A": ""}


def test_the_place_of_a_variable_is_told_to_the_column():
    found = problem("services:\n  a:\n    image: app:${TAG:?give a tag}\n")
    assert (found.mark.line, found.mark.column, found.path) == (3, 16, "services.a.image")
    assert "give a tag" in found.message


def test_given_variables_go_before_those_of_the_file():
    files = {".env": "A=file\nB=file $A\n"}
    found = project("services: {a: {image: '$A-$B'}}", files=files, variables={"A": "given"})
    assert found.services["a"].image == "given-file given"


# --- files of variables ---

FILE = r"""# a comment
PLAIN=text  # a comment
HASH=a#b
export SAID=1
SINGLE='$PLAIN \n # stays'
DOUBLE="a\nb \"q\" $PLAIN \$PLAIN"
LINES="one
two"   # and a comment
YAML: styled
EMPTY=
FROM_AROUND
NOT_AROUND
SPACED = x y
REF=${PLAIN}-${MISSING:-d}
dotted.name-x=1
"""


def test_files_of_variables_are_read():
    assert parse_variables(FILE, ".env", around={"FROM_AROUND": "z"}) == {
        "PLAIN": "text",
        "HASH": "a#b",
        "SAID": "1",
        "SINGLE": r"$PLAIN \n # stays",
        "DOUBLE": 'a\nb "q" text $PLAIN',
        "LINES": "one\ntwo",
        "YAML": "styled",
        "EMPTY": "",
        "FROM_AROUND": "z",
        "SPACED": "x y",
        "REF": "text-d",
        "dotted.name-x": "1",
    }


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("A=1\n=b\n", 2, 1),
        ("A='x\n\ny", 1, 3),
        ('A=1\nB="x" y\n', 2, 7),
        ("A b\n", 1, 3),
        ("A=1\nB=x$\n", 2, 4),
        ("L='a\nb'\n?\n", 3, 1),
    ],
)
def test_what_is_no_variable_is_told_with_its_place(text, line, column):
    with pytest.raises(ComposeInvalid) as caught:
        parse_variables(text, "/stack/.env", around={})
    mark = caught.value.problems[0].mark
    assert (mark.file, mark.line, mark.column) == ("/stack/.env", line, column)


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]{0,5}", fullmatch=True), st.text(st.characters(codec="utf-8"))))
def test_values_in_single_quotes_come_back(values):
    values = {name: text.replace("'", "").replace("\r\n", "\n") for name, text in values.items()}
    text = "\n".join(f"{name}='{value}'" for name, value in values.items())
    assert parse_variables(text, ".env", around={}) == values


@given(st.text(max_size=60))
def test_any_file_is_read_or_refused(text):
    with suppress(ComposeInvalid):
        assert all(isinstance(value, str) for value in parse_variables(text, ".env", around={}).values())
