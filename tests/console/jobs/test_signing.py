"""A message to an agent is the console's word for that host, whole and unchanged, or it is nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.hosts.signing_key import host_key
from console.jobs.signing import sign, verify
from console.operations.errors import Denied

KEY = host_key("the console's secret", "local")
MESSAGE: dict[str, Any] = {"job": 1, "attempt": 1, "kind": "image.build", "args": {"tag": "a:1"}}
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(args=documents)
def test_what_was_signed_is_taken(args: Any) -> None:
    message = {**MESSAGE, "args": args}
    assert verify(sign(message, KEY), KEY) == message


@pytest.mark.parametrize(
    "forged",
    [
        MESSAGE,
        {**MESSAGE, "mac": ""},
        {**MESSAGE, "mac": None},
        {**MESSAGE, "mac": ["a"]},
        {**MESSAGE, "mac": "ü"},
        {**sign(MESSAGE, KEY), "job": 2},
        {**sign(MESSAGE, KEY), "args": {"tag": "a:2"}},
        {**sign(MESSAGE, KEY), "more": 1},
        sign(MESSAGE, host_key("the console's secret", "b2")),
        sign(MESSAGE, ""),
        {},
    ],
)
def test_what_was_not_is_refused(forged: dict[str, Any]) -> None:
    with pytest.raises(Denied):
        verify(forged, KEY)


def test_an_agent_without_a_key_takes_nothing() -> None:
    with pytest.raises(Denied):
        verify(sign(MESSAGE, ""), "")
