import errno
import re
from pathlib import Path

import pytest

from engine.host import failpoints
from engine.host.failpoints import POINTS, VARIABLE, arm, parse, reach
from engine.model.errors import Invalid, Unavailable

ENGINE = Path(failpoints.__file__).parents[1]


@pytest.fixture(autouse=True)
def disarmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failpoints, "_armed", {})


def test_nothing_happens_at_a_point_that_is_not_armed() -> None:
    arm({})
    reach("blob.write")


def test_terms_are_used_up_in_order() -> None:
    arm({VARIABLE: "blob.write=1*off->2*error(told)->1*error(EIO); tag.row=error(for ever)"})
    reach("blob.write")
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"failpoint blob\.write: told"):
            reach("blob.write")
    with pytest.raises(OSError, match=r"failpoint blob\.write") as raised:
        reach("blob.write")
    assert raised.value.errno == errno.EIO
    reach("blob.write")
    for _ in range(3):
        with pytest.raises(Unavailable, match="for ever"):
            reach("tag.row")


@pytest.mark.parametrize(
    "text",
    ["nowhere=exit", "blob.write", "blob.write=", "blob.write=explode", "blob.write=0*exit", "blob.write=delay(soon)"],
)
def test_a_wrong_text_is_refused_and_named(text: str) -> None:
    with pytest.raises(Invalid, match=VARIABLE):
        parse(text)


def test_every_point_is_somewhere_on_the_way_and_every_place_has_a_point() -> None:
    reached = [
        name
        for path in ENGINE.rglob("*.py")
        if path.name != "failpoints.py"
        for name in re.findall(r'\breach\("([^"]+)"\)', path.read_text())
    ]
    assert sorted(reached) == sorted(POINTS)
