import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.build.dockerignore import Dockerignore
from engine.build.patterns import Pattern
from engine.model.errors import Invalid


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        # from Go's path/filepath/match_test.go
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*c", "abc", True),
        ("a*", "a", True),
        ("a*", "abc", True),
        ("a*", "ab/c", False),
        ("a*/b", "abc/b", True),
        ("a*/b", "a/c/b", False),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", True),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", True),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
        ("a*b?c*x", "abxbbxdbxebxczzx", True),
        ("a*b?c*x", "abxbbxdbxebxczzy", False),
        ("ab[c]", "abc", True),
        ("ab[b-d]", "abc", True),
        ("ab[e-g]", "abc", False),
        ("ab[^c]", "abc", False),
        ("ab[^b-d]", "abc", False),
        ("ab[^e-g]", "abc", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "ab", False),
        ("a?b", "a☺b", True),
        ("a[^a]b", "a☺b", True),
        ("a???b", "a☺b", False),
        ("[a-ζ]*", "α", True),
        ("*[a-ζ]", "A", False),
        ("a?b", "a/b", False),
        ("a*b", "a/b", False),
        ("[\\]a]", "]", True),
        ("[\\-]", "-", True),
        ("[x\\-]", "x", True),
        ("[x\\-]", "z", False),
        ("[\\-x]", "-", True),
        ("*x", "xxx", True),
        ("a**", "a/b", False),
    ],
)
def test_names_match_as_in_go(pattern: str, path: str, matches: bool) -> None:
    assert Pattern(pattern).matches(path) is matches


@pytest.mark.parametrize("pattern", ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", "[a-"])
def test_a_malformed_pattern_is_named(pattern: str) -> None:
    with pytest.raises(Invalid, match="syntax error in pattern"):
        Pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        # from moby's patternmatcher tests
        ("**", "file", True),
        ("**", "dir/file", True),
        ("**/", "file", True),
        ("**/**", "dir/file", True),
        ("dir/**", "dir/file", True),
        ("dir/**", "dir/dir2/file", True),
        ("**/dir", "dir", True),
        ("**/dir2/*", "dir/dir2/file", True),
        ("**/dir2/**", "dir/dir2/dir2/file", True),
        ("**file", "file", True),
        ("**file", "dir/dir/file", True),
        ("**/file", "dir/dir/file", True),
        ("**/file*", "dir/dir/file.txt", True),
        ("**/file*txt*", "dir/dir/file.txt", True),
        ("**/**/*.txt", "dir/dir/file.txt", True),
        ("**/**/*.txt2", "dir/dir/file.txt", False),
        ("a**/*.txt", "a/dir/file.txt", True),
        ("a**/*.txt", "a/dir/dir/file.txt", True),
        ("a/*.txt", "a/dir/file.txt", False),
        ("abc.def", "abcdef", False),
        ("a(b)c/def", "a(b)c/def", True),
        ("**/foo/bar", "foo/bar", True),
        ("**/foo/bar", "dir/foo/bar", True),
        (".*", ".foo", True),
        (".*", "foo", False),
        ("a.|)$(}+{bc", "a.|)$(}+{bc", True),
    ],
)
def test_double_stars_cross_directories(pattern: str, path: str, matches: bool) -> None:
    assert Pattern(pattern, double_star=True).matches(path) is matches


@pytest.mark.parametrize(
    ("rules", "path", "excluded"),
    [
        ("", "a", False),
        ("a", "a", True),
        ("a", "a/b/c", True),
        ("a", "b/a", False),
        ("/a", "a", True),
        ("a/", "a/b", True),
        ("./a", "a", True),
        ("a/../b", "b", True),
        ("# a", "a", False),
        ("#a\n\n  a  ", "a", True),
        ("*", "a/b", True),
        ("*\n!a", "a/b", False),
        ("*\n!a/b", "a/b", False),
        ("*\n!a/b", "a/c", True),
        ("!a\n*", "a", True),
        ("*.md\n!README*.md\nREADME-secret.md", "README.md", False),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", True),
        ("**/temp?", "x/y/tempa", True),
        ("*/temp*", "x/temporary", True),
        ("*/temp*", "x/y/temp", False),
        ("! a", "a", False),
        ("\ufeffa", "a", True),
        ("a\r\nb\r\n", "b", True),
    ],
)
def test_dockerignore(rules: str, path: str, excluded: bool) -> None:
    assert Dockerignore.parse(rules.encode()).excludes(path) is excluded


def test_a_lone_exclamation_mark_is_refused_with_its_line() -> None:
    with pytest.raises(Invalid, match=r'line 2: illegal exclusion pattern: "!"'):
        Dockerignore.parse(b"a\n!\n")


def test_a_malformed_rule_is_refused_with_its_line() -> None:
    with pytest.raises(Invalid, match=r"\.dockerignore line 1: syntax error in pattern"):
        Dockerignore.parse(b"[a\n")


def test_no_pattern_costs_more_than_its_length_times_the_path() -> None:
    started = time.monotonic()
    hostile = Pattern("**/" * 60 + "*a" * 120 + "**/b", double_star=True)
    assert not hostile.matches("a/" * 1000 + "a" * 2000)
    assert time.monotonic() - started < 5


@given(st.text(alphabet="a*?[]^-\\/b!", max_size=20), st.text(alphabet="ab/", max_size=20))
def test_any_pattern_matches_or_is_invalid(pattern: str, path: str) -> None:
    try:
        Pattern(pattern, double_star=True).matches_or_contains(path)
    except Invalid:
        pass
