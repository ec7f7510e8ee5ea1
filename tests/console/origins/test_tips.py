"""What a branch is at, as git's own servers tell it, old and new, and as others do."""

import pytest

from console.operations.errors import ConsoleError, Missing, Unavailable
from console.origins import tips
from console.origins.tips import Account, tip_of
from console.outbound.client import Answer, Call, Refused
from tests.console.origins.conftest import Pushed
from tests.engine.host.build.web import Web, run_git

NOBODY = Account()


def test_a_branch_a_tag_and_nothing_said(web: Web, url: str, push: Pushed) -> None:
    second = push({"x": "y"})
    first = run_git(web.repositories / "shop.git", "rev-parse", "v1")
    assert (tip_of(url, "main", NOBODY), tip_of(url, "", NOBODY), tip_of(url, "v1", NOBODY)) == (second, second, first)


def test_an_annotated_tag_is_what_it_is_of_and_goes_before_a_branch(web: Web, url: str, push: Pushed) -> None:
    path = web.repositories / "shop.git"
    first = run_git(path, "rev-parse", "HEAD")
    run_git(path, "tag", "-a", "-m", "note", "stable")
    push({"x": "y"})
    run_git(path, "branch", "stable")
    assert tip_of(url, "stable", NOBODY) == first


def test_a_commit_is_where_it_is_and_nobody_is_asked(web: Web, url: str) -> None:
    web.asked.clear()
    assert tip_of(url, "a" * 40, NOBODY) == "a" * 40
    assert web.asked == []


def test_a_server_of_before_tells_all_its_names(web: Web, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head = run_git(web.repositories / "shop.git", "rev-parse", "HEAD")
    ask, calls = tips._ask, []

    def older(call: Call) -> Answer:
        calls.append(call.method)
        return ask(Call(call.method, call.url, {}, call.credentials, redirects=0))

    monkeypatch.setattr(tips, "_ask", older)
    assert (tip_of(url, "main", NOBODY), tip_of(url, "", NOBODY), calls) == (head, head, ["GET", "GET"])


@pytest.mark.parametrize("ref", ["gone", "mai", "refs/heads", "ma*"])
def test_a_name_that_is_not_there_is_missing(url: str, ref: str) -> None:
    with pytest.raises(Missing, match="no branch or tag"):
        tip_of(url, ref, NOBODY)


def test_who_is_not_let_in_is_told_so(web: Web, url: str) -> None:
    web.authorization = "Basic a2ltOnB3"
    with pytest.raises(Unavailable, match="does not let us in"):
        tip_of(url, "main", NOBODY)
    assert tip_of(url, "main", Account("kim", "pw"))
    assert "pw" not in repr(Account("kim", "pw"))


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Type": "text/html"}, b"hello"),
        (200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, b"ffff"),
        (200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, b"00-1x"),
        (200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, b"0009abc"),
        (500, {}, b""),
        (404, {}, b""),
        (302, {"Location": "http://127.0.0.1/"}, b""),
        (200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, b"0" * (5 << 20)),
    ],
)
def test_what_is_no_git_server_is_told_of(web: Web, status: int, headers: dict[str, str], body: bytes) -> None:
    web.answers["/x.git/info/refs"] = (status, headers, body)
    with pytest.raises(ConsoleError):
        tip_of(f"{web.url}/x.git", "main", NOBODY)
    assert [path.partition("?")[0] for path in web.asked] == ["/x.git/info/refs"]


def test_addresses_inside_are_not_asked(web: Web, url: str, settings: object) -> None:
    settings.NARU_OUTBOUND_ALLOW = ""  # type: ignore[attr-defined]
    web.asked.clear()
    with pytest.raises(Refused):
        tip_of(url, "main", NOBODY)
    assert web.asked == []
