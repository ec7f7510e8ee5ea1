import time

import pytest

from engine.build.expansion import expand, expand_content, expand_words
from engine.model.errors import Invalid

VARIABLES = {"x": "value", "empty": "", "two": "a b", "n1": "one"}


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("plain", "plain"),
        ("$x", "value"),
        ("${x}", "value"),
        ("a${x}b", "avalueb"),
        ("$xy", ""),
        ("$n1.", "one."),
        ("$missing", ""),
        ("$", "$"),
        ("$$", ""),
        ("$ x", "$ x"),
        ("$1x", "x"),
        ("\\$x", "$x"),
        ("\\\\$x", "\\value"),
        ("${x:-y}", "value"),
        ("${missing:-y}", "y"),
        ("${empty:-y}", "y"),
        ("${empty-y}", ""),
        ("${missing-y}", "y"),
        ("${x:+y}", "y"),
        ("${empty:+y}", ""),
        ("${empty+y}", "y"),
        ("${missing:+y}", ""),
        ("${x:?no}", "value"),
        ("${missing:-${x}}", "value"),
        ("${missing:-$x-${empty:-z}}", "value-z"),
        ("${missing:-'q q'}", "q q"),
        ("'$x'", "$x"),
        ("'a\\'", "a\\"),
        ('"$x"', "value"),
        ('"\\$x"', "$x"),
        ('"\\n\\""', '\\n"'),
        ("a\\ b", "a b"),
        ("'a b'c\"d e\"", "a bcd e"),
        ("end\\", "end"),
        ("\\t", "t"),
    ],
)
def test_expansion(word: str, result: str) -> None:
    assert expand(word, VARIABLES) == result


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("${y", "failed to process \"${y\": missing ':' in substitution"),
        ("${y:?no}", 'failed to process "${y:?no}": y: no'),
        ("${y!z}", "unsupported modifier (!) in substitution"),
        ("${x:#a}", "unsupported modifier (:#) in substitution"),
        ("${x#a", "looking for matching }"),
        ("${x/a}", "looking for matching /"),
        ("${}", "bad substitution"),
        ("${", "missing '}'"),
        ("${x:-a", "looking for matching }"),
        ('"quoted', "looking for matching double-quote"),
        ("'quoted", "looking for matching single-quote"),
    ],
)
def test_a_malformed_word_is_named(word: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        expand(word, VARIABLES)
    assert message in str(refused.value)


def test_another_escape_character_leaves_backslashes_alone() -> None:
    assert expand("c:\\$x `$x", VARIABLES, escape="`") == "c:\\value $x"


@pytest.mark.parametrize(
    ("text", "words"),
    [("80 $x", ["80", "value"]), ("$two", ["a", "b"]), ('"$two"', ["a b"]), ("$missing", []), ("''", [""])],
)
def test_words_come_out_of_variables_unless_quoted(text: str, words: list[str]) -> None:
    assert expand_words(text, VARIABLES) == words


def test_a_heredoc_keeps_its_quotes() -> None:
    assert expand_content("'$x' \"a\" \\n \\$x", VARIABLES) == "'value' \"a\" \\n $x"


def test_doubling_is_stopped() -> None:
    big = {"a": "x" * 600_000}
    with pytest.raises(Invalid, match="expands to more than"):
        expand("$a$a", big)


def test_deep_nesting_is_stopped() -> None:
    with pytest.raises(Invalid, match="nested more than"):
        expand("${a:-" * 5000 + "}" * 5000, {})


def test_a_long_word_takes_no_time() -> None:
    started = time.monotonic()
    expand("a$x\\ " * 100_000, {"x": ""})
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("${x#*/}", "b/c.tar.gz"),
        ("${x##*/}", "c.tar.gz"),
        ("${x%.*}", "a/b/c.tar"),
        ("${x%%.*}", "a/b/c"),
        ("${x#b}", "a/b/c.tar.gz"),
        ("${x%?}", "a/b/c.tar.g"),
        ("${x/b/$y}", "a/Y/c.tar.gz"),
        ("${x//[/]/-}", "a/b/c.tar.gz"),
        ("${x//./_}", "a/b/c_tar_gz"),
        ("${x/*/all}", "all"),
        ("${x//nope/_}", "a/b/c.tar.gz"),
        ("${star#\\*}", "x"),
        ("${star#'*'}", "x"),
        ("${star##*}", ""),
        ("${none#a}${none/a/b}", ""),
        ("${x#$y}", "a/b/c.tar.gz"),
    ],
)
def test_patterns_in_substitutions(word: str, text: str) -> None:
    assert expand(word, {"x": "a/b/c.tar.gz", "y": "Y", "star": "*x"}) == text


def test_a_pattern_cannot_take_for_ever() -> None:
    with pytest.raises(Invalid, match="takes too long to match"):
        expand("${x//" + "*a" * 50 + "b/}", {"x": "a" * 100_000})
