"""Where a container ended and was started again is said in its log, at the right time."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from console.operations.permissions import Role
from console.timeline.markers import markers_of
from tests.factories.console import (
    make_container,
    make_custom_role,
    make_grant,
    make_host,
    make_user,
    make_workspace,
    sign_in_browser,
)
from tests.factories.timeline import make_change

START = timezone.now() - timedelta(hours=1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("started", 10)], [(5, "was started")]),
        (
            [("started", 10), ("died", 60), ("started", 61)],
            [(5, "was started"), (60, "restarted with exit code 1 (the program ended with an error)")],
        ),
        (
            [("died", 60), ("started", 600)],
            [
                (60, "ended with exit code 1 (the program ended with an error)"),
                (595, "restarted with exit code 1 (the program ended with an error)"),
            ],
        ),
        ([("died", 5), ("exec", 7)], [(5, "ended with exit code 1 (the program ended with an error)")]),
    ],
)
def test_ends_and_starts(changes: list[tuple[str, int]], expected: list[tuple[int, str]]) -> None:
    container = make_container()
    for kind, seconds in changes:
        facts = {"exit_code": 1, "is_trouble": True} if kind == "died" else {"program": "sh"} if kind == "exec" else {}
        make_change(container, kind, at=START + timedelta(seconds=seconds), **facts)
    found = [((marker.at_ms - int(START.timestamp() * 1000)) // 1000, marker.text) for marker in markers_of(container)]
    assert found == expected


def test_they_are_for_who_may_read_the_log() -> None:
    container = make_container("web-1")
    make_change(container, "started")
    reader, looker = make_user(Role.VIEWER), make_user(None)
    make_grant(looker, make_custom_role("looker", "container.view"))
    answers = [sign_in_browser(Client(), user).get("/containers/local/web-1/logs/markers") for user in (reader, looker)]
    assert [answer.status_code for answer in answers] == [200, 403]
    assert len(answers[0].json()["markers"]) == 1


def test_of_several_each_names_its_container_and_those_that_may_not_be_read_are_left_out() -> None:
    make_host("local")
    mine, theirs = (make_container(name, workspace=make_workspace(name)) for name in ("shop", "depot"))
    for container in (mine, theirs):
        make_change(container, "removed")
    user = make_user(None)
    make_grant(user, Role.VIEWER, workspace=make_workspace("shop"))
    answer = sign_in_browser(Client(), user).get("/changes/markers?c=local/shop&c=local/depot&c=nonsense&c=local/shop")
    assert [(one["of"], one["text"]) for one in answer.json()["markers"]] == [("local/shop", "was removed")]
