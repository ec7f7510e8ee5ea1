"""What a container changed, as a tree."""

import pytest

from console.files.drift import MOST_SHOWN, DriftFilter, Node, check_patterns, drift
from console.hosts.files import Change, Changes
from console.operations.errors import Invalid


def changes(*found: Change, more: int = 0) -> Changes:
    return Changes(found, len(found) + more)


def paths(node: Node) -> list[str]:
    own = [node.path] if node.change is not None else []
    return own + [path for below in node.below for path in paths(below)]


FOUND = changes(
    Change("/etc", "modified", "directory", 0),
    Change("/etc/app.conf", "modified", "file", 10, 8),
    Change("/etc/gone", "removed", "file", 5),
    Change("/opt", "modified", "directory", 0),
    Change("/srv", "added", "directory", 0),
    Change("/srv/a", "added", "file", 100),
    Change("/tmp", "modified", "directory", 0),
    Change("/tmp/x", "added", "file", 7),
    Change("/var/log/a.log", "added", "file", None),
)


def test_counts_and_sizes_are_of_all_below() -> None:
    found = drift(FOUND, DriftFilter())
    assert (found.totals.added, found.totals.modified, found.totals.removed) == (4, 2, 1)
    assert (found.totals.size_bytes, found.totals.is_sized) == (117, False)
    etc = found.root.nodes["etc"]
    assert (etc.totals.count, etc.totals.size_bytes, etc.change) == (2, 10, None)


def test_a_directory_counts_when_nothing_below_it_says_why_it_was_changed() -> None:
    assert "/opt" in paths(drift(FOUND, DriftFilter()).root)
    assert "/etc" not in paths(drift(FOUND, DriftFilter()).root)


def test_noise_is_left_out_with_all_below_it_and_counted() -> None:
    found = drift(FOUND, DriftFilter(noise=["/tmp", "*.log", "/et"]))
    assert "/tmp/x" not in paths(found.root)
    assert "/var/log/a.log" not in paths(found.root)
    assert "/etc/app.conf" in paths(found.root)
    assert found.hidden == 2


@pytest.mark.parametrize(
    ("pattern", "is_hidden"),
    [("/srv/*", True), ("/srv/a/", True), ("*/a", True), ("/srv/?", True), ("/s", False), ("/srv/[b-z]", False)],
)
def test_patterns(pattern: str, is_hidden: bool) -> None:
    assert ("/srv/a" not in paths(drift(FOUND, DriftFilter(noise=[pattern])).root)) is is_hidden


def test_filters_narrow() -> None:
    assert paths(drift(FOUND, DriftFilter(kind="removed")).root) == ["/etc/gone"]
    assert paths(drift(FOUND, DriftFilter(text="APP")).root) == ["/etc/app.conf"]


def test_a_deep_path_is_drawn_in_a_few_steps() -> None:
    deep = "/" + "/".join(f"d{n}" for n in range(2000))
    found = drift(changes(Change(deep, "added", "file", 1)), DriftFilter())
    depth, node = 0, found.root
    while node.nodes:
        (node,) = node.nodes.values()
        depth += 1
    assert (depth, node.path) == (8, deep)


def test_more_than_a_page_can_draw_is_counted() -> None:
    many = [Change(f"/m/{n:05}", "added", "file", 1) for n in range(MOST_SHOWN + 10)]
    found = drift(changes(*many, more=5), DriftFilter())
    assert (found.totals.added, found.unshown, found.unread) == (MOST_SHOWN + 10, 10, 5)
    assert len(paths(found.root)) == MOST_SHOWN


@pytest.mark.parametrize("wrong", [["tmp"], ["/" + "x" * 300], ["/a\0"], [f"/{n}" for n in range(201)]])
def test_bad_patterns_are_refused(wrong: list[str]) -> None:
    with pytest.raises(Invalid):
        check_patterns(wrong)


def test_patterns_are_kept_once() -> None:
    assert check_patterns([" /tmp ", "", "/tmp", "*.pyc"]) == ["/tmp", "*.pyc"]
