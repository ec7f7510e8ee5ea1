"""Stages that need nothing of each other run at the same time, and read as if they had not."""

import re

import pytest

from tests.engine.host.build.conftest import BuilderProcess

pytestmark = pytest.mark.host


def meeting(token: str, me: str, other: str) -> str:
    """A step that ends only when its partner has begun: both wait for each other's file in a shared cache."""
    wait = f"touch /c/{me}; n=0; until [ -e /c/{other} ]; do n=$((n+1)); [ $n -lt 300 ] || exit 9; sleep 0.1; done"
    return f"RUN --mount=type=cache,target=/c,id={token} {wait}; echo {me} > /{me}; echo said-{me}\n"


def test_two_stages_meet_and_are_told_in_order(builder: BuilderProcess) -> None:
    built = builder.build(
        f"FROM bb:1 AS a\n{meeting(builder.token, 'a', 'b')}FROM bb:1 AS b\n{meeting(builder.token, 'b', 'a')}"
        "FROM bb:1\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
    )
    assert {"a", "b"} <= builder.files(built["id"], "").keys()
    numbers = [match[1] for text in built["texts"] if (match := re.match(r"Step (\d+)/7 : ", text))]
    assert numbers == ["1", "2", "3", "4", "5", "6", "7"]
    said = [text for text in built["texts"] if text.startswith(("said-", "Step 2/", "Step 4/", "Step 5/"))]
    assert [text[:6] for text in said] == ["Step 2", "said-a", "Step 4", "said-b", "Step 5"]


def test_a_failing_stage_ends_the_others_and_is_told(builder: BuilderProcess) -> None:
    built = builder.build(
        f"FROM bb:1 AS a\nRUN echo {builder.token}; sleep 100\nFROM bb:1 AS b\nRUN echo before; exit 4\n"
        "FROM bb:1\nCOPY --from=a /x /\nCOPY --from=b /x /\n"
    )
    assert (built["class"], built["code"]) == ("StepFailed", 4)
    assert built["texts"][-2:] == ["before\n", "\x1b[91mDockerfile:4: RUN echo before; exit 4\n\x1b[0m"]


def test_a_cancelled_build_ends_all_its_stages(builder: BuilderProcess) -> None:
    built = builder.build(
        f"FROM bb:1 AS a\nRUN echo {builder.token}; sleep 100\nFROM bb:1 AS b\nRUN sleep 100; echo {builder.token}\n"
        "FROM bb:1\nCOPY --from=a /x /\nCOPY --from=b /x /\n",
        cancel_at=f"{builder.token}\n",
    )
    assert built.get("cancelled") is True
    assert builder.left() == []


def test_a_stage_that_says_much_is_heard_at_its_turn(builder: BuilderProcess) -> None:
    built = builder.build(
        f"FROM bb:1 AS a\nRUN sleep 1; echo {builder.token}\nFROM bb:1 AS b\nRUN seq 1 20000; echo {builder.token}\n"
        "FROM bb:1\nCOPY --from=a /bin/busybox /a\nCOPY --from=b /bin/busybox /b\n"
    )
    lines = "".join(built["texts"]).splitlines()  # a message may hold part of a line
    numbers = [int(line) for line in lines if re.fullmatch(r"\d{1,5}", line)]
    assert numbers == list(range(1, 20001))
    assert lines.index(builder.token) < lines.index("1")


def test_stages_that_need_one_locked_cache_do_not_wait_for_each_others_turn(builder: BuilderProcess) -> None:
    locked = f"RUN --mount=type=cache,sharing=locked,target=/c,id={builder.token}"
    built = builder.build(
        f"FROM bb:1 AS a\nRUN sleep 1\n{locked} cat /c/f\nFROM bb:1 AS b\n{locked} seq 1 20000 && echo b > /c/f\n"
        "FROM bb:1\nCOPY --from=a /bin/busybox /a\nCOPY --from=b /bin/busybox /b\n"
    )
    assert "error" not in built
    lines = "".join(built["texts"]).splitlines()
    assert lines.index("b") < lines.index("1")
