"""Two texts beside one another."""

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from console.files.differences import as_patch, difference

OLD = "".join(f"line {n}\n" for n in range(40))
LINES = st.lists(st.sampled_from(["a", "b", "c", "", "a b c", "a x c"]), max_size=30)


def test_changed_words_are_marked() -> None:
    (hunk,) = difference("one two three\n", "one 2 three\n").hunks
    assert [[(run.text, run.is_marked) for run in row.runs] for row in hunk.rows] == [
        [("one ", False), ("two", True), (" three", False)],
        [("one ", False), ("2", True), (" three", False)],
    ]


def test_lines_that_have_nothing_in_common_are_not_marked() -> None:
    (hunk,) = difference("abc def\n", "xyz\n").hunks
    assert [len(row.runs) for row in hunk.rows] == [1, 1]


def test_far_changes_are_hunks_of_their_own_with_the_right_numbers() -> None:
    new = OLD.replace("line 5\n", "line five\n").replace("line 30\n", "")
    found = difference(OLD, new)
    assert [hunk.heading for hunk in found.hunks] == ["@@ -3,7 +3,7 @@", "@@ -28,7 +28,6 @@"]
    assert (found.added, found.removed) == (1, 2)


def patched(old: str, patch: str) -> str:
    """As patch(1) would have it."""
    lines, result, at = old.splitlines(keepends=True), [], 0
    for hunk in re.split(r"(?m)^@@ -", patch)[1:]:
        heading, *rows = hunk.splitlines(keepends=True)
        first, count = (int(number) for number in heading.split(" ")[0].split(","))
        start = first - 1 if count else first
        result += lines[at:start]
        result += [row[1:] for row in rows if row[0] in " +"]
        assert lines[start : start + count] == [row[1:] for row in rows if row[0] in " -"]
        at = start + count
    return "".join(result + lines[at:])


@given(LINES, LINES)
def test_a_patch_makes_the_new_text_of_the_old(old: list[str], new: list[str]) -> None:
    texts = ["".join(f"{line}\n" for line in lines) for lines in (old, new)]
    patch = as_patch(difference(*texts), old_name="f", new_name="f")
    assert patched(texts[0], patch) == texts[1]


def test_hostile_texts_take_no_time() -> None:
    old = "\n".join(str(n % 50) for n in range(10_000))
    new = "\n".join(str((n * 7 + 3) % 50) for n in range(10_000))
    began = time.process_time()
    difference(old, new)
    # half a second, with room for a slow machine; difflib takes minutes
    assert time.process_time() - began < 10


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert difference("x\n" * 10_001, "").is_cut
    assert not difference("x\n" * 10_000, "").is_cut
